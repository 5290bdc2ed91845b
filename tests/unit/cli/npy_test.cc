#include "cli/npy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <vector>

#include "base/mapped_file.h"

namespace pent::cli {
namespace {

TEST(Npy, HeaderIsThatOfFormatOneAligned) {
  for (const int64_t rows : {1, 12, 123456, 1234567890}) {
    const std::string header = npy_header(rows, 49152);
    ASSERT_EQ(header.size() % 64, 0u);
    EXPECT_EQ(header.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
    EXPECT_EQ(static_cast<uint8_t>(header[8]) + 256 * static_cast<uint8_t>(header[9]), header.size() - 10);
    EXPECT_EQ(header.back(), '\n');
    EXPECT_NE(header.find("'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", 49152), }"),
              std::string::npos);
  }
}

TEST(Npy, NumbersFollowTheHeader) {
  const auto path = std::filesystem::temp_directory_path() / ("pent-npy-" + std::to_string(::getpid()) + ".npy");
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  write_npy(path, values, 2, 3);
  const std::string file = read_file(path);
  std::filesystem::remove(path);
  const std::string header = npy_header(2, 3);
  ASSERT_EQ(file.size(), header.size() + 6 * sizeof(float));
  EXPECT_EQ(file.substr(0, header.size()), header);
  EXPECT_EQ(std::memcmp(file.data() + header.size(), values.data(), 6 * sizeof(float)), 0);
}

}  // namespace
}  // namespace pent::cli
