#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "base/json.h"
#include "base/mapped_file.h"
#include "io/weight_source.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "unit/io/malformed.h"

namespace pent {
namespace {

std::string with_header(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data_bytes, '\1');
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, dtype, shape, offsets);
}

void open(const std::string& bytes) { read_all(*open_safetensors(as_bytes(bytes), "spoiled.bin")); }

// Three tensors of three types with their data, written by our own writer.
std::string small_file() {
  static const std::vector<float> a{1, 2, 3, 4, 5, 6};
  static const std::vector<uint16_t> b(40, 0x3F80);
  static const std::vector<uint8_t> c(100, 1);
  const TempDir dir;
  write_safetensors(dir / "m.safetensors",
                    {{"model.c", DType::kBool, {100}, std::as_bytes(std::span(c))},
                     {"model.b", DType::kBF16, {5, 8}, std::as_bytes(std::span(b))},
                     {"model.a", DType::kF32, {2, 3}, std::as_bytes(std::span(a))}},
                    {{"format", "pt"}});
  return read_file(dir / "m.safetensors");
}

TEST(Safetensors, GivesBackWhatWasWritten) {
  const std::string bytes = small_file();
  const auto source = open_safetensors(as_bytes(bytes), "m");
  EXPECT_EQ(source->names(), (std::vector<std::string>{"model.a", "model.b", "model.c"}));  // wider types first
  const TensorView* a = source->find("model.a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->dtype, DType::kF32);
  EXPECT_EQ(a->shape, (std::vector<int64_t>{2, 3}));
  std::vector<float> row(3);
  dequantize_rows(*a, 1, 2, row.data());
  EXPECT_EQ(row, (std::vector<float>{4, 5, 6}));
  EXPECT_EQ(source->find("model.d"), nullptr);
  EXPECT_EQ(source->describe(), "m");
}

TEST(Safetensors, TheHeaderIsPaddedSoThatTensorsAreAligned) {
  const std::string bytes = small_file();
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), 8);
  EXPECT_EQ(header_bytes % 8, 0u);
  const Json header = parse_json(bytes.substr(8, header_bytes), "header");
  EXPECT_EQ(header["__metadata__"]["format"], "pt");
  EXPECT_EQ(to_json_line(header["model.a"]), R"({"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})");
}

TEST(Safetensors, ScalarsAndEmptyTensorsAreLegal) {
  const std::string bytes =
      with_header("{" + entry("s", "F32", "[]", "[0,4]") + "," + entry("e", "F32", "[0,7]", "[4,4]") + "," +
                      entry("t", "U8", "[2]", "[4,6]") + "}   ",
                  6);
  const auto source = open_safetensors(as_bytes(bytes), "m");
  EXPECT_EQ(source->find("s")->elements(), 1);
  EXPECT_EQ(source->find("e")->elements(), 0);
  EXPECT_EQ(source->names(), (std::vector<std::string>{"s", "e", "t"}));
}

TEST(Safetensors, UnalignedTensorsAreRead) {
  const std::string bytes =
      with_header("{" + entry("a", "U8", "[1]", "[0,1]") + "," + entry("b", "F64", "[2]", "[1,17]") + "}", 17);
  EXPECT_NO_THROW(open(bytes));
}

TEST(Safetensors, EachFaultOfAHeaderIsNamed) {
  const auto refused = [](const std::string& entries, size_t data_bytes, ErrorKind kind,
                          std::vector<std::string> texts) {
    texts.push_back("spoiled.bin");
    EXPECT_TRUE(throws_error([&] { open(with_header("{" + entries + "}", data_bytes)); }, kind, texts)) << entries;
  };
  constexpr auto kCorrupt = ErrorKind::kCorrupt;
  refused(entry("a", "F32", "[2]", "[0,8]"), 9, kCorrupt, {"end at byte 8", "the file at 9"});
  refused(entry("a", "F32", "[2]", "[0,8]") + "," + entry("b", "F32", "[2]", "[4,12]"), 12, kCorrupt,
          {"'b'", "overlap"});
  refused(entry("a", "F32", "[2]", "[0,8]") + "," + entry("b", "F32", "[1]", "[12,16]"), 16, kCorrupt, {"'b'", "gap"});
  refused(entry("a", "F32", "[1]", "[4,8]"), 8, kCorrupt, {"'a'", "gap"});
  refused(entry("a", "F32", "[2]", "[0,8]"), 7, kCorrupt, {"'a'", "outside"});
  refused(entry("a", "F32", "[2]", "[8,0]"), 8, kCorrupt, {"'a'", "outside"});
  refused(entry("a", "F32", "[2]", "[0,12]"), 12, kCorrupt, {"'a'", "takes 8 bytes"});
  refused(entry("a", "F32", "[1099511627776,1099511627776]", "[0,8]"), 8, kCorrupt, {"'a'", "too large"});
  refused(entry("a", "F32", "[9223372036854775807]", "[0,8]"), 8, kCorrupt, {"'a'", "too large"});
  refused(entry("a", "F32", "[18446744073709551615]", "[0,8]"), 8, kCorrupt, {"'a'", "axis"});
  refused(entry("a", "F32", "[-2]", "[0,8]"), 8, kCorrupt, {"'a'", "axis"});
  refused(entry("a", "F32", "[2.0]", "[0,8]"), 8, kCorrupt, {"'a'", "axis"});
  refused(entry("a", "F32", "[2]", "[-8,0]"), 8, kCorrupt, {"'a'", "data_offsets"});
  refused(entry("a", "F32", "[2]", "[0,9223372036854775808]"), 8, kCorrupt, {"'a'", "data_offsets"});
  refused(entry("a", "F32", "[2]", "[0]"), 8, kCorrupt, {"'a'", "data_offsets"});
  refused(entry("a", "F32", "2", "[0,8]"), 8, kCorrupt, {"'a'", "shape"});
  refused(entry("a", "F8_E4M3", "[8]", "[0,8]"), 8, ErrorKind::kUnsupported, {"'a'", "F8_E4M3"});
  refused(entry("a", "Q4_0", "[32]", "[0,18]"), 18, ErrorKind::kUnsupported, {"'a'", "Q4_0"});
  refused(entry("a", "U8", "[1]", "[0,1]") + "," + entry("a", "U8", "[1]", "[1,2]"), 2, kCorrupt, {"'a' occurs twice"});
  refused(R"("a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]})", 1, kCorrupt, {"'dtype' occurs twice"});
  refused(R"("a":[])", 0, kCorrupt, {"'a'"});
  refused(R"("a":{"shape":[1],"data_offsets":[0,1]})", 1, kCorrupt, {"'a'", "'dtype' is missing"});
  refused(R"("a":)" + std::string(1'000'000, '['), 0, kCorrupt, {"nested deeper"});
}

TEST(Safetensors, FilesThatAreSomethingElseAreRefused) {
  EXPECT_ERROR(open(""), kCorrupt, "spoiled.bin", "too few");
  EXPECT_ERROR(open(std::string(8, '\0')), kCorrupt, "spoiled.bin", "'{'");
  EXPECT_ERROR(open("PK\3\4 a zip archive, as pytorch_model.bin is"), kCorrupt, "spoiled.bin",
               "not a safetensors file");
  EXPECT_ERROR(open(with_header("[]", 0)), kCorrupt, "spoiled.bin", "'{'");
  EXPECT_ERROR(open(with_header(" {}", 0)), kCorrupt, "spoiled.bin", "'{'");
  for (const uint64_t length : {uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 7, uint64_t{100'000'001}}) {
    std::string bytes = with_header("{}", 0);
    std::memcpy(bytes.data(), &length, 8);
    EXPECT_ERROR(open(bytes), kCorrupt, "spoiled.bin", std::to_string(length));
  }
}

TEST(Safetensors, EveryTruncationIsRefused) { expect_truncations_refused(open, small_file()); }

TEST(Safetensors, SpoiledBytesNeverCrash) {
  const std::string whole = small_file();
  const size_t header_end = whole.size() - (24 + 80 + 100);
  survive_extreme_numbers(open, whole, header_end);
  survive_random_bytes(open, whole, header_end, 3000);
}

TEST(Safetensors, AFileTruncatedWhileMappedEndsInAnError) {
  const TempDir dir;
  const std::vector<float> values(100'000, 1.0f);
  write_safetensors(dir / "m.safetensors", {{"a", DType::kF32, {1000, 100}, std::as_bytes(std::span(values))}});
  const auto source = open_safetensors(dir / "m.safetensors");
  EXPECT_NO_THROW(source->check_intact());
  std::filesystem::resize_file(dir / "m.safetensors", 4096);
  read_all(*source);
  EXPECT_ERROR(source->check_intact(), kIo, (dir / "m.safetensors").string());
}

class Shards : public testing::Test {
 protected:
  void SetUp() override {
    write_one("model-00001-of-00002.safetensors", "a", 1);
    write_one("model-00002-of-00002.safetensors", "b", 2);
  }
  void write_one(const std::string& file, const std::string& tensor, float value) {
    write_safetensors(dir_ / file, {{tensor, DType::kF32, {1}, std::as_bytes(std::span(&value, 1))}});
  }
  std::unique_ptr<WeightSource> open_index(const std::string& weight_map) {
    write_file_atomically(dir_ / "model.safetensors.index.json",
                          R"({"metadata":{"total_size":8},"weight_map":)" + weight_map + "}");
    return open_safetensors(dir_ / "model.safetensors.index.json");
  }
  TempDir dir_;
};

TEST_F(Shards, AreReadThroughTheirIndex) {
  const auto source = open_index(R"({"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"})");
  float value = 0;
  dequantize_rows(*source->find("b"), 0, 1, &value);
  EXPECT_EQ(value, 2);
  EXPECT_EQ(source->find("a")->name, "a");
  EXPECT_NO_THROW(source->check_intact());
}

TEST_F(Shards, AnIndexCannotLeadOutOfItsDirectory) {
  for (const char* name : {"../x.safetensors", "/etc/passwd", "sub/x.safetensors", "..", "", "a\\\\b", "x\\u0000y"}) {
    EXPECT_ERROR(open_index(fmt::format(R"({{"a":"{}"}})", name)), kCorrupt, "index.json", "is refused");
  }
}

TEST_F(Shards, FaultsOfAnIndexAreNamed) {
  EXPECT_ERROR(open_index(R"({"c":"model-00001-of-00002.safetensors"})"), kCorrupt, "index.json", "'c'",
               "model-00001-of-00002");
  EXPECT_ERROR(open_index(R"({"a":"absent.safetensors"})"), kNotFound, "absent.safetensors");
  EXPECT_ERROR(open_index(R"({"a":1})"), kCorrupt, "index.json", "'a'");
  EXPECT_ERROR(open_index("[]"), kCorrupt, "index.json", "weight_map");
  EXPECT_ERROR(open_index("{"), kCorrupt, "index.json", "not valid JSON");
  write_file_atomically(dir_ / "model-00001-of-00002.safetensors", "short");
  EXPECT_ERROR(open_index(R"({"a":"model-00001-of-00002.safetensors"})"), kCorrupt, "model-00001-of-00002.safetensors");
}

TEST(SafetensorsWriter, RefusesWhatTheFormatCannotHold) {
  const TempDir dir;
  const std::vector<std::byte> bytes(34);
  const auto write = [&](std::vector<TensorToWrite> tensors) { write_safetensors(dir / "m.safetensors", tensors); };
  EXPECT_ERROR(write({{"q", DType::kQ8_0, {32}, bytes}}), kInvalidArgument, "m.safetensors", "'q'", "Q8_0");
  EXPECT_ERROR(write({{"a", DType::kF32, {9}, bytes}}), kInvalidArgument, "'a'", "34 bytes");
  EXPECT_ERROR(write({{"__metadata__", DType::kU8, {34}, bytes}}), kInvalidArgument, "__metadata__");
  EXPECT_ERROR(write({{"a", DType::kU8, {34}, bytes}, {"a", DType::kU8, {34}, bytes}}), kInvalidArgument,
               "'a' is given twice");
  EXPECT_FALSE(std::filesystem::exists(dir / "m.safetensors"));
}

}  // namespace
}  // namespace pent
