// Any bytes as a file of packed weights: pent::Error, or matrices that lie within it and can be multiplied with.
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "model/packed_cache.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pent::kernels::PackedMatrix;
  const int fd = ::memfd_create("packed", 0);
  if (fd < 0 || ::write(fd, data, size) != static_cast<ssize_t>(size)) __builtin_trap();
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  try {
    if (const auto file = pent::PackedFile::open(path, pent::Json("key"))) {
      for (const auto format : {PackedMatrix::Format::kQ8, PackedMatrix::Format::kF32}) {
        const PackedMatrix matrix = file->next(format, 3, 32);
        unsigned sum = 0;
        for (const std::byte byte : matrix.bytes()) sum += static_cast<unsigned>(byte);
        static volatile unsigned sink;
        sink = sum;
      }
    }
  } catch (const pent::Error&) {
  }
  ::close(fd);
  return 0;
}
