#include <gtest/gtest.h>

#include "cli/answer.h"

namespace pent::cli {
namespace {

// Token i is the i-th piece; the last one is special.
class PieceTokenizer : public Tokenizer {
 public:
  explicit PieceTokenizer(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  std::vector<TokenId> encode(std::string_view, bool) const override { return {}; }
  std::string decode(const std::vector<TokenId>&, bool) const override { return ""; }
  std::string_view token_bytes(TokenId id) const override { return pieces_.at(static_cast<size_t>(id)); }
  std::string_view token_text(TokenId id) const override { return token_bytes(id); }
  std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
  bool is_special(TokenId id) const override { return id + 1 == size(); }
  int size() const override { return static_cast<int>(pieces_.size()); }

 private:
  std::vector<std::string> pieces_;
};

struct Recorder {
  std::string written;
  TextStream::Write sink() {
    return [this](std::string_view text) { written += text; };
  }
};

TEST(TextStream, WritesWholeCharactersOnly) {
  const PieceTokenizer tokenizer({"a", "\xe2\x82", "\xac", "<end>"});
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
  const PieceTokenizer tokenizer({"one\n", "\n", "two", "<end>"});
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
  const PieceTokenizer tokenizer({"one\n", "<end>"});
  Recorder recorder;
  TextStream stream(tokenizer, {"\n\n"}, recorder.sink());
  stream.push(0);
  stream.finish("one\n");
  EXPECT_EQ(recorder.written, "one\n");
}

}  // namespace
}  // namespace pent::cli
