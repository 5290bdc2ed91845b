// NumPy format 1.0: magic, version, header length (little-endian), a Python dict padded so that the data starts at a
// multiple of 64, then the numbers.
#include "cli/npy.h"

#include <bit>

#include "base/error.h"
#include "base/mapped_file.h"

namespace pent::cli {

std::string npy_header(int64_t rows, int64_t cols) {
  constexpr size_t kAlignment = 64;
  constexpr size_t kPreamble = 10;
  std::string dict = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, cols);
  dict.append(kAlignment - 1 - (kPreamble + dict.size()) % kAlignment, ' ');
  dict += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dict.size() & 0xff);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

void write_npy(const std::filesystem::path& path, std::span<const float> values, int64_t rows, int64_t cols) {
  static_assert(std::endian::native == std::endian::little);
  PENT_CHECK(static_cast<int64_t>(values.size()) == rows * cols);
  write_file_atomically(path, [&](const ByteSink& sink) {
    const std::string header = npy_header(rows, cols);
    sink(header.data(), header.size());
    sink(values.data(), values.size_bytes());
  });
}

}  // namespace pent::cli
