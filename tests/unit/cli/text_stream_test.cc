#include <gtest/gtest.h>

#include "cli/answer.h"
#include "support/fake_tokenizer.h"

namespace pent::cli {
namespace {

struct Recorder {
  std::string written;
  TextStream::Write sink() {
    return [this](std::string_view text) { written += text; };
  }
};

TEST(TextStream, WritesWholeCharactersOnly) {
  const FakeTokenizer tokenizer({"a", "\xe2\x82", "\xac", "<end>"});
  Recorder recorder;
  TextStream stream(tokenizer, {}, recorder.sink());
  stream.push(0);
  stream.push(1);
  EXPECT_EQ(recorder.written, "a");
  stream.push(2);
  EXPECT_EQ(recorder.written, "a€");
  stream.push(3);
  stream.finish("a€");
  EXPECT_EQ(recorder.written, "a€");
}

TEST(TextStream, HoldsBackWhatMayBecomeAStopString) {
  const FakeTokenizer tokenizer({"one\n", "\n", "two", "<end>"});
  Recorder recorder;
  TextStream stream(tokenizer, {"\n\n"}, recorder.sink());
  stream.push(0);
  EXPECT_EQ(recorder.written, "one");
  stream.push(2);
  EXPECT_EQ(recorder.written, "one\ntwo");
  stream.push(0);
  stream.push(1);
  stream.finish("one\ntwoone");
  EXPECT_EQ(recorder.written, "one\ntwoone");
}

TEST(TextStream, WritesAtTheEndWhatWasHeld) {
  const FakeTokenizer tokenizer({"one\n", "<end>"});
  Recorder recorder;
  TextStream stream(tokenizer, {"\n\n"}, recorder.sink());
  stream.push(0);
  stream.finish("one\n");
  EXPECT_EQ(recorder.written, "one\n");
}

}  // namespace
}  // namespace pent::cli
