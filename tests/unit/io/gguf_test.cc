#include "io/gguf.h"

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "support/expect_error.h"
#include "support/gguf_builder.h"
#include "support/temp_dir.h"
#include "unit/io/malformed.h"

namespace pent {
namespace {

using B = GgufBuilder;

std::string floats(size_t count, float value = 1) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += B::raw(value + static_cast<float>(i));
  return bytes;
}

B small_file() {
  B builder;
  builder.string("general.architecture", "llama")
      .scalar<uint32_t>("llama.block_count", B::kU32, 30)
      .scalar<float>("llama.rope.freq_base", B::kF32, 100000)
      .scalar<uint8_t>("llama.attention.causal", B::kBool, 0)
      .scalar<int8_t>("a.i8", B::kI8, -5)
      .scalar<uint64_t>("a.u64", B::kU64, UINT64_MAX)
      .scalar<double>("a.f64", B::kF64, 0.5)
      .strings("tokenizer.ggml.tokens", {"a", "", "Ġthe"})
      .array<int32_t>("tokenizer.ggml.token_type", B::kI32, {1, 3, -1})
      .array<float>("tokenizer.ggml.scores", B::kF32, {0.5f, -1})
      .array<uint8_t>("a.bools", B::kBool, {1, 0})
      .tensor("norm", {3}, B::kElementF32, floats(3))
      .tensor("weight", {32, 2}, B::kElementQ8_0, std::string(2 * 34, '\1'))
      .tensor("cube", {4, 3, 2}, B::kElementF32, floats(24));
  return builder;
}

std::unique_ptr<GgufFile> open_bytes(const std::string& bytes) { return open_gguf(as_bytes(bytes), "spoiled.bin"); }
void open(const std::string& bytes) { read_all(*open_bytes(bytes)); }

TEST(Gguf, MetadataKeepsItsTypesAndValues) {
  const std::string bytes = small_file().build();
  const auto file = open_bytes(bytes);
  EXPECT_EQ(file->version(), 3);
  EXPECT_EQ(file->get_string("general.architecture"), "llama");
  EXPECT_EQ(file->get_int("llama.block_count"), 30);
  EXPECT_EQ(file->get_int("a.i8"), -5);
  EXPECT_EQ(file->get_number("llama.rope.freq_base"), 100000.0);
  EXPECT_EQ(file->get_number("llama.block_count"), 30.0);
  EXPECT_EQ(file->get_number("a.f64"), 0.5);
  EXPECT_EQ(file->get_bool("llama.attention.causal"), false);
  EXPECT_EQ(*file->get_strings("tokenizer.ggml.tokens"), (std::vector<std::string>{"a", "", "Ġthe"}));
  EXPECT_EQ(*file->get_ints("tokenizer.ggml.token_type"), (std::vector<int64_t>{1, 3, -1}));
  EXPECT_EQ(*file->get_ints("a.bools"), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(std::get<std::vector<double>>(file->metadata().at("tokenizer.ggml.scores")),
            (std::vector<double>{0.5, -1}));
  EXPECT_EQ(file->get_int("absent"), std::nullopt);
  EXPECT_EQ(file->get_strings("absent"), nullptr);
}

TEST(Gguf, LookUpsOfTheWrongTypeNameFileAndKey) {
  const std::string bytes = small_file().build();
  const auto file = open_bytes(bytes);
  EXPECT_ERROR(file->get_int("general.architecture"), kCorrupt, "spoiled.bin", "'general.architecture'", "an integer");
  EXPECT_ERROR(file->get_int("a.u64"), kCorrupt, "'a.u64'", "below 2^63");
  EXPECT_ERROR(file->get_string("llama.block_count"), kCorrupt, "a string");
  EXPECT_ERROR(file->get_bool("llama.block_count"), kCorrupt, "true or false");
  EXPECT_ERROR(file->get_number("llama.attention.causal"), kCorrupt, "a number");
  EXPECT_ERROR(file->get_strings("tokenizer.ggml.token_type"), kCorrupt, "an array of strings");
  EXPECT_ERROR(file->get_ints("tokenizer.ggml.tokens"), kCorrupt, "an array of integers");
}

TEST(Gguf, ShapesAreTurnedToRowsFirst) {
  const std::string bytes = small_file().build();
  const auto file = open_bytes(bytes);
  EXPECT_EQ(file->names(), (std::vector<std::string>{"norm", "weight", "cube"}));
  EXPECT_EQ(file->find("weight")->shape, (std::vector<int64_t>{2, 32}));
  const TensorView& cube = *file->find("cube");
  EXPECT_EQ(cube.shape, (std::vector<int64_t>{2, 3, 4}));
  std::vector<float> row(4);
  dequantize_rows(cube, 5, 6, row.data());
  EXPECT_EQ(row, (std::vector<float>{21, 22, 23, 24}));
}

TEST(Gguf, VersionTwoIsReadAndOthersAreNot) {
  B builder = small_file();
  builder.version = 2;
  EXPECT_NO_THROW(open(builder.build()));
  for (const uint32_t version : {0u, 1u, 4u}) {
    builder.version = version;
    EXPECT_ERROR(open(builder.build()), kUnsupported, "spoiled.bin", fmt::format("version {}", version));
  }
  builder.version = 3u << 24;
  EXPECT_ERROR(open(builder.build()), kUnsupported, "spoiled.bin", "big-endian");
}

TEST(Gguf, TheFilesOwnAlignmentIsUsed) {
  B builder;
  builder.alignment = 256;
  builder.scalar<uint32_t>("general.alignment", B::kU32, 256)
      .tensor("a", {2}, 0, floats(2))
      .tensor("b", {2}, 0, floats(2, 7));
  const std::string bytes = builder.build();
  const auto file = open_bytes(bytes);
  float value[2];
  dequantize_rows(*file->find("b"), 0, 1, value);
  EXPECT_EQ(value[0], 7);
  for (const uint32_t wrong : {0u, 3u, 48u, 1u << 31}) {
    EXPECT_ERROR(open(B().scalar<uint32_t>("general.alignment", B::kU32, wrong).build()), kCorrupt, "spoiled.bin",
                 "general.alignment");
  }
  EXPECT_ERROR(open(B().string("general.alignment", "32").build()), kCorrupt, "general.alignment");
}

TEST(Gguf, AFileOfNothingIsLegal) { EXPECT_NO_THROW(open(B().build())); }

TEST(Gguf, ElementTypesThatAreNotReadAreNamed) {
  const auto typed = [](uint32_t type) { return B().tensor("blk.0.q", {256}, type, std::string(4096, '\0')).build(); };
  EXPECT_ERROR(open(typed(16)), kUnsupported, "spoiled.bin", "'blk.0.q'", "IQ2_XXS", "Q5_1, Q8_0, Q2_K");
  EXPECT_ERROR(open(typed(39)), kUnsupported, "MXFP4");
  EXPECT_ERROR(open(typed(4)), kUnsupported, "type 4");
  EXPECT_ERROR(open(typed(UINT32_MAX)), kUnsupported, "type 4294967295");
}

TEST(Gguf, FaultsOfTensorsAreNamed) {
  const std::string data = floats(64);
  const auto refused = [](const B& builder, std::vector<std::string> texts) {
    texts.push_back("spoiled.bin");
    EXPECT_TRUE(throws_error([&] { open(builder.build()); }, ErrorKind::kCorrupt, texts));
  };
  refused(B().tensor("a", {33}, B::kElementQ8_0, data), {"'a'", "multiple of the 32 elements of a Q8_0 block"});
  refused(B().tensor("a", {uint64_t{1} << 40, uint64_t{1} << 40}, 0, data), {"'a'", "too large"});
  refused(B().tensor("a", {uint64_t{1} << 63}, 0, data), {"'a'", "an axis of length 9223372036854775808"});
  refused(B().tensor("a", {UINT64_MAX}, 0, data), {"'a'", "an axis"});
  refused(B().tensor("a", {}, 0, data), {"'a'", "0 axes"});
  refused(B().tensor("a", {1, 1, 1, 1, 1}, 0, data), {"'a'", "5 axes"});
  refused(B().tensor("", {1}, 0, data), {"empty name"});
  refused(B().tensor("a", {1}, 0, data).tensor("a", {1}, 0, data), {"'a' occurs twice"});
  refused(B().tensor("a", {64}, 0, data).info("b", {1}, 0, 32), {"'a' and 'b' overlap"});
  refused(B().tensor("a", {64}, 0, data).info("b", {1}, 0, 4), {"'b'", "alignment"});
  refused(B().tensor("a", {64}, 0, data).info("b", {1}, 0, 1 << 20), {"'b'", "cut off"});
  refused(B().tensor("a", {64}, 0, data).info("b", {1}, 0, UINT64_MAX - 31), {"'b'", "cut off"});
  refused(B().tensor("a", {65}, 0, data), {"'a'", "cut off"});
  refused(B().info("a", {8}, 0, 0), {"'a'", "cut off"});
}

TEST(Gguf, FaultsOfMetadataAreNamed) {
  const auto refused = [](const B& builder, ErrorKind kind, std::vector<std::string> texts) {
    texts.push_back("spoiled.bin");
    EXPECT_TRUE(throws_error([&] { open(builder.build()); }, kind, texts));
  };
  const auto array_header = [](uint32_t type, uint64_t count) { return B::raw(type) + B::raw(count); };
  constexpr auto kCorrupt = ErrorKind::kCorrupt;
  refused(B().string("k", "1").string("k", "2"), kCorrupt, {"'k' occurs twice"});
  refused(B().string("", "1"), kCorrupt, {"empty key"});
  refused(B().string(std::string(65536, 'k'), "1"), kCorrupt, {"metadata key", "65536"});
  refused(B().scalar<uint8_t>("k", B::kBool, 2), kCorrupt, {"'k'", "bool"});
  refused(B().scalar<uint64_t>("k", 13, 0), kCorrupt, {"'k'", "unknown value type 13"});
  refused(B().pair("k", B::kArray, array_header(13, 0)), kCorrupt, {"'k'", "unknown value type 13"});
  refused(B().pair("k", B::kArray, array_header(B::kArray, 1) + array_header(B::kU8, 0)), ErrorKind::kUnsupported,
          {"'k'", "array of arrays"});
  refused(B().array<uint64_t>("k", B::kU64, {UINT64_MAX}), kCorrupt, {"'k'", "beyond 2^63"});
  for (const uint64_t count : {uint64_t{1} << 63, UINT64_MAX, uint64_t{1} << 40}) {
    refused(B().pair("k", B::kArray, array_header(B::kU8, count)), kCorrupt, {"'k'", std::to_string(count)});
    refused(B().pair("k", B::kArray, array_header(B::kString, count)), kCorrupt, {"'k'", std::to_string(count)});
    refused(B().pair("k", B::kString, B::raw(count)), kCorrupt, {"'k'", std::to_string(count)});
  }
}

TEST(Gguf, ArraysAreLimitedInAll) {
  B builder;
  builder.pair("a", B::kArray, B::raw<uint32_t>(B::kU8) + B::raw<uint64_t>(1 << 24) + std::string(1 << 24, '\0'));
  builder.pair("b", B::kArray,
               B::raw<uint32_t>(B::kU8) + B::raw<uint64_t>((1 << 24) + 1) + std::string((1 << 24) + 1, '\0'));
  EXPECT_ERROR(open(builder.build()), kResourceExhausted, "spoiled.bin", "'b'");
}

TEST(Gguf, CountsBeyondTheFileAreRefusedBeforeAnythingIsReserved) {
  for (const size_t field : {8, 16}) {
    for (const uint64_t count : {uint64_t{1} << 63, UINT64_MAX, uint64_t{1} << 32}) {
      std::string bytes = small_file().build();
      std::memcpy(bytes.data() + field, &count, 8);
      EXPECT_ERROR(open(bytes), kCorrupt, "spoiled.bin", std::to_string(count));
    }
  }
}

TEST(Gguf, BytesOfOnePartAreRefused) {
  EXPECT_ERROR(open(B().scalar<uint16_t>("split.count", B::kU16, 3).build()), kUnsupported, "spoiled.bin", "3 files");
}

TEST(Gguf, FilesThatAreSomethingElseAreRefused) {
  EXPECT_ERROR(open(""), kCorrupt, "spoiled.bin", "not a GGUF file");
  EXPECT_ERROR(open("GGU"), kCorrupt, "not a GGUF file");
  EXPECT_ERROR(open("GGML\3\0\0\0"), kCorrupt, "not a GGUF file");
}

TEST(Gguf, EveryTruncationIsRefused) { expect_truncations_refused(open, small_file().build()); }

TEST(Gguf, SpoiledBytesNeverCrash) {
  const std::string whole = small_file().build();
  const size_t header_end = whole.size() - (32 + 96 + 96);
  survive_extreme_numbers(open, whole, header_end);
  survive_random_bytes(open, whole, header_end, 5000);
}

TEST(Gguf, AFileTruncatedWhileMappedEndsInAnError) {
  const TempDir dir;
  write_file_atomically(dir / "m.gguf", B().tensor("a", {100, 1000}, 0, floats(100'000)).build());
  const auto file = open_gguf(dir / "m.gguf");
  EXPECT_NO_THROW(file->check_intact());
  std::filesystem::resize_file(dir / "m.gguf", 100);
  read_all(*file);
  EXPECT_ERROR(file->check_intact(), kIo, (dir / "m.gguf").string());
}

}  // namespace
}  // namespace pent
