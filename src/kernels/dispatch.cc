// Which kernel sets there are, and which one this process uses.
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "kernels/kernels.h"

namespace pent::kernels {
namespace {

constexpr const KernelSet* kSets[] = {
    &scalar::kKernels,
#if defined(PENT_X86_KERNELS)
    &avx2::kKernels,
    &avx512::kKernels,
    &avx512bf16::kKernels,
#endif
};
constexpr int kCount = sizeof kSets / sizeof kSets[0];

const KernelSet& choose() {
  const char* wanted = std::getenv("PENT_ISA");
  if (wanted == nullptr || *wanted == '\0') {
    int best = kCount - 1;
    while (!kSets[best]->supported()) --best;  // scalar always is
    return *kSets[best];
  }
  std::string names;
  for (const KernelSet* set : kSets) {
    names += std::string(names.empty() ? "" : ", ") + set->name;
    if (std::string(wanted) != set->name) continue;
    if (set->supported()) return *set;
    throw error(ErrorKind::kUnsupported, "PENT_ISA={}: this processor does not have those instructions", wanted);
  }
  throw error(ErrorKind::kInvalidArgument, "PENT_ISA={}: no such kernel set; this build has {}", wanted, names);
}

}  // namespace

KernelSetList all_kernel_sets() { return {kSets, kCount}; }

const KernelSet& active_kernel_set() {
  static const KernelSet& set = choose();
  return set;
}

}  // namespace pent::kernels
