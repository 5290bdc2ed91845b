#include "io/gguf_split.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/mapped_file.h"
#include "io/model_files.h"
#include "support/expect_error.h"
#include "support/gguf_builder.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

using B = GgufBuilder;

// Three parts as gguf-split writes them with --no-tensor-first-split: the first one has the metadata only.
class SplitModel : public testing::Test {
 protected:
  SplitModel() {
    put(1, part(0).string("tokenizer.chat_template", "{{ x }}"));
    put(2, part(1).tensor("a", {2}, B::kElementF32, floats(1, 2)));
    put(3, part(2).tensor("b", {2}, B::kElementF32, floats(3, 4)));
  }
  static B part(uint16_t number, uint16_t count = 3, int32_t tensors = 2) {
    B builder;
    builder.scalar("split.no", B::kU16, number).scalar("split.count", B::kU16, count);
    builder.scalar("split.tensors.count", B::kI32, tensors);
    return builder;
  }
  static std::string floats(float x, float y) { return B::raw(x) + B::raw(y); }
  std::filesystem::path path(int number) const { return dir_ / fmt::format("m-{:05}-of-00003.gguf", number); }
  void put(int number, const B& builder) { write_file_atomically(path(number), builder.build()); }
  TempDir dir_;
};

TEST_F(SplitModel, OpensAsOneByAnyOfItsParts) {
  for (const int number : {1, 2, 3}) {
    const auto file = open_gguf(path(number));
    EXPECT_EQ(file->names(), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(file->get_string("tokenizer.chat_template"), "{{ x }}");
    EXPECT_EQ(file->files(), (std::vector{path(1), path(2), path(3)}));
    float b[2];
    ASSERT_EQ(file->find("b")->bytes.size(), sizeof b);
    std::memcpy(b, file->find("b")->bytes.data(), sizeof b);
    EXPECT_EQ(b[0], 3);
    EXPECT_EQ(b[1], 4);
  }
}

TEST_F(SplitModel, IsTheModelOfAFolderThatHoldsNothingElse) {
  const ModelFiles files = open_model_files(dir_.path());
  EXPECT_EQ(files.where, path(1).string());
  EXPECT_EQ(files.chat_template, "{{ x }}");
  EXPECT_NE(files.weights->find("b"), nullptr);
}

TEST_F(SplitModel, AMissingPartIsNamed) {
  std::filesystem::remove(path(3));
  EXPECT_ERROR(open_gguf(path(1)), kNotFound, path(3).string());
}

TEST_F(SplitModel, PartsMustBeWhatTheirNamesSay) {
  put(2, part(2).tensor("a", {2}, B::kElementF32, floats(1, 2)));
  EXPECT_ERROR(open_gguf(path(1)), kCorrupt, path(2).string(), "split.no is 2", "expected 1 and 3");
  put(2, part(1, 4).tensor("a", {2}, B::kElementF32, floats(1, 2)));
  EXPECT_ERROR(open_gguf(path(1)), kCorrupt, path(2).string(), "split.count 4");
  put(2, B().tensor("a", {2}, B::kElementF32, floats(1, 2)));  // a whole file in a part's place
  EXPECT_ERROR(open_gguf(path(1)), kCorrupt, path(2).string(), "split.no is -1");
  std::filesystem::rename(path(1), dir_ / "renamed.gguf");
  EXPECT_ERROR(open_gguf(dir_ / "renamed.gguf"), kCorrupt, "renamed.gguf", "NAME-00001-of-00003.gguf");
}

TEST_F(SplitModel, TensorsAreCountedAndOccurOnce) {
  put(3, part(2).tensor("a", {2}, B::kElementF32, floats(3, 4)));
  EXPECT_ERROR(open_gguf(path(1)), kCorrupt, path(3).string(), "tensor 'a'", "earlier part");
  put(3, part(2));
  EXPECT_ERROR(open_gguf(path(1)), kCorrupt, path(1).string(), "split.tensors.count is 2", "1 tensors");
}

TEST(GgufPartNames, AreFiveDigitsOfFiveDigits) {
  const auto name = parse_gguf_part_name("a-b-00002-of-00010.gguf");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->stem, "a-b");
  EXPECT_EQ(name->number, 2);
  EXPECT_EQ(name->count, 10);
  EXPECT_EQ(name->part(7), "a-b-00007-of-00010.gguf");
  for (const char* other :
       {"a.gguf", "-00001-of-00001.gguf", "a-00000-of-00003.gguf", "a-00004-of-00003.gguf", "a-0001-of-00003.gguf",
        "a-00001-of-0003x.gguf", "a-+0001-of-00003.gguf", "a--0001-of-00003.gguf", "a-00001-of-00003.bin", ""}) {
    EXPECT_FALSE(parse_gguf_part_name(other)) << other;
  }
}

}  // namespace
}  // namespace pent
