// NumPy's file format, version 1.0, for a float32 matrix.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace pent::cli {

std::string npy_header(int64_t rows, int64_t cols);
// values [rows, cols], row-major. Written atomically; throws kIo.
void write_npy(const std::filesystem::path& path, std::span<const float> values, int64_t rows, int64_t cols);

}  // namespace pent::cli
