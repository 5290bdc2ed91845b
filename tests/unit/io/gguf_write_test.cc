#include "io/gguf_write.h"

#include <gtest/gtest.h>

#include <cmath>

#include "io/gguf.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

StreamedTensor tensor(const std::string& name, DType type, std::vector<int64_t> shape, std::string bytes) {
  return {name, type, std::move(shape), [bytes = std::move(bytes)](const ByteSink& sink) {
            const size_t half = bytes.size() / 2;  // in pieces
            sink(bytes.data(), half);
            sink(bytes.data() + half, bytes.size() - half);
          }};
}

std::string counted(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 7);
  return bytes;
}

std::string text_of(const TensorView& view) {
  return {reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()};
}

TEST(GgufWrite, WhatIsWrittenIsReadBack) {
  const TempDir dir;
  const auto path = dir / "some.gguf";
  write_gguf(path,
             {{"general.architecture", std::string("llada")},
              {"n", uint32_t{4000000000}},
              {"i", int32_t{-7}},
              {"f", 0.25f},
              {"b", true},
              {"none", std::vector<std::string>()},
              {"words", std::vector<std::string>{"a", "", "Ġb"}},
              {"types", std::vector<int32_t>{1, 3, -1}}},
             {tensor("odd", DType::kF32, {3}, counted(12)), tensor("blocks", DType::kQ4_0, {3, 64}, counted(3 * 36)),
              tensor("halves", DType::kBF16, {2, 5}, counted(20))});
  const auto file = open_gguf(path);
  EXPECT_EQ(file->version(), 3);
  EXPECT_EQ(file->get_string("general.architecture"), "llada");
  EXPECT_EQ(file->get_int("n"), 4000000000);
  EXPECT_EQ(file->get_int("i"), -7);
  EXPECT_EQ(file->get_number("f"), 0.25);
  EXPECT_EQ(file->get_bool("b"), true);
  EXPECT_TRUE(file->get_strings("none")->empty());
  EXPECT_EQ(*file->get_strings("words"), (std::vector<std::string>{"a", "", "Ġb"}));
  EXPECT_EQ(*file->get_ints("types"), (std::vector<int64_t>{1, 3, -1}));
  EXPECT_EQ(file->names(), (std::vector<std::string>{"odd", "blocks", "halves"}));
  EXPECT_EQ(file->find("blocks")->shape, (std::vector<int64_t>{3, 64}));
  EXPECT_EQ(text_of(*file->find("odd")), counted(12));
  EXPECT_EQ(text_of(*file->find("blocks")), counted(3 * 36));
  EXPECT_EQ(text_of(*file->find("halves")), counted(20));
}

TEST(GgufWrite, WhatDoesNotFitIsRefusedAndLeavesNoFile) {
  const TempDir dir;
  const auto path = dir / "some.gguf";
  const auto write = [&](std::vector<StreamedTensor> tensors) { write_gguf(path, {}, tensors); };
  const StreamedTensor good = tensor("w", DType::kF32, {2}, counted(8));
  EXPECT_ERROR((write({good, good})), kInvalidArgument, "'w' is given twice");
  EXPECT_ERROR((write({tensor("w", DType::kF32, {2}, counted(7))})), kInvalidArgument,
               "came with 7 bytes, its shape asks for 8");
  EXPECT_ERROR((write({tensor("w", DType::kQ8_0, {2, 33}, counted(68))})), kInvalidArgument, "cannot be stored");
  EXPECT_ERROR((write({tensor("w", DType::kBool, {2}, counted(2))})), kInvalidArgument, "cannot be stored");
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(GgufWrite, EveryHalfComesBackAndTheOthersRoundToNearestEven) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f16_to_f32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
      continue;
    }
    ASSERT_EQ(f32_to_f16(value), bits);
    if ((bits & 0x7FFF) >= 0x7BFF) continue;
    const float next = f16_to_f32(static_cast<uint16_t>(bits + 1));
    const float middle = value + (next - value) / 2;  // exact: float has thirteen more bits
    ASSERT_EQ(f32_to_f16(middle), bits + (bits & 1)) << middle;
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, value)), bits) << middle;
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, next)), bits + 1) << middle;
  }
  EXPECT_EQ(f32_to_f16(65519.99f), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7C00);
  EXPECT_EQ(f32_to_f16(-1e30f), 0xFC00);
}

}  // namespace
}  // namespace pent
