// Any bytes as the hub's answers and as a model's name: refused, or every file stays below its folder and under a hash, and
// what is chosen was listed.
#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "io/hub/listing.h"
#include "io/hub/reference.h"

namespace {

void check(bool holds) {
  if (!holds) __builtin_trap();
}

void check_below(const std::string& path) {
  const std::string below = (std::filesystem::path("/folder") / path).lexically_normal().string();
  check(below.starts_with("/folder/") && below == "/folder/" + path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // First line: a reference, whose quantisation is asked for. Second: the index of a sharded model, or a Link header. Rest: the
  // listing.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t first = std::min(text.find('\n'), size), second = std::min(text.find('\n', first + 1), size);
  const std::string_view index = text.substr(std::min(first + 1, size), second - std::min(first + 1, size));
  const auto reference = pent::parse_hub_reference(std::string(text.substr(0, first)));
  if (reference) {
    for (const std::string& part : {reference->org, reference->name, reference->revision}) check_below(part);
    check(pent::parse_hub_reference(reference->text()).has_value());
  }
  pent::next_page(index);
  std::vector<pent::HubFile> files;
  try {
    pent::parse_hub_tree(text.substr(second), "fuzz", files);
    for (const pent::HubFile& file : files) {
      check_below(file.path);
      check(file.hash.size() == (file.large ? 64u : 40u));
      check_below(file.hash);
    }
    for (const pent::HubFile& file : pent::choose_hub_files(files, reference ? reference->quant : "", index, "fuzz"))
      check(std::find(files.begin(), files.end(), file) != files.end());
  } catch (const pent::Error&) {
  }
  try {
    check(pent::is_commit(pent::parse_hub_revision(text.substr(second), "fuzz")));
  } catch (const pent::Error&) {
  }
  return 0;
}
