// Real tokenizers of published models against the PyPI package `tokenizers` and llama.cpp's test vectors, where
// script/parity has prepared them (tests/parity/compare_tokenizers.py) and PENT_TOKENIZER_CASES names their folder.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/sha.h"
#include "io/gpt2_tokenizer.h"
#include "text/tokenizer.h"

namespace pent {
namespace {

using Path = std::filesystem::path;

// Little-endian numbers and strings of a file, in order.
class Numbers {
 public:
  explicit Numbers(const Path& path) : bytes_(read_file(path)) {}
  bool at_end() const { return at_ == bytes_.size(); }
  uint32_t next() {
    uint32_t value = 0;
    std::memcpy(&value, take(4).data(), 4);
    return value;
  }
  std::string_view take(size_t size) {
    at_ += size;
    return std::string_view(bytes_).substr(at_ - size, size);
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

// The first four bytes of SHA-256, as digits.
std::string digest(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes.data(), bytes.size());
  return sha.hex().substr(0, 8);
}

std::shared_ptr<const Tokenizer> open_tokenizer(const std::string& kind, const std::string& path) {
  if (kind == "gguf") return make_tokenizer_from_gguf(*open_gguf(Path(path)));
  if (kind == "gpt2") {
    const Path folder(path);
    return parse_tokenizer_json(
        gpt2_tokenizer_json(read_file(folder / "vocab.json"), read_file(folder / "merges.txt"), Json(), path), path);
  }
  return parse_tokenizer_json(read_file(path), path);
}

std::string listed(const std::vector<TokenId>& ids) { return to_json_line(Json(ids)); }

// Wrong ids and wrong texts of one tokenizer; the first of each are shown.
void compare(const Json& tokenizer_case, const std::vector<std::string>& texts, const Path& folder) {
  const std::string name = tokenizer_case["name"];
  SCOPED_TRACE(name);
  const auto started = std::chrono::steady_clock::now();
  const auto tokenizer = open_tokenizer(tokenizer_case["kind"], tokenizer_case["path"]);
  const auto opened = std::chrono::steady_clock::now();
  Numbers wanted(folder / (name + ".bin"));
  int wrong_ids = 0, wrong_texts = 0;
  size_t bytes = 0;
  for (const std::string& text : texts) {
    std::vector<TokenId> ids(wanted.next());
    for (TokenId& id : ids) id = static_cast<TokenId>(wanted.next());
    std::string hash;
    for (const char byte : wanted.take(4)) hash += fmt::format("{:02x}", static_cast<uint8_t>(byte));
    bytes += text.size();
    const auto ours = tokenizer->encode(text, true);
    if (ours != ids && ++wrong_ids <= 5)
      ADD_FAILURE() << to_json_line(Json(text)) << "\nours: " << listed(ours) << "\nthe library's: " << listed(ids);
    const std::string decoded = tokenizer->decode(tokenizer->encode(text));
    if (ours == ids && digest(decoded) != hash && ++wrong_texts <= 5)
      ADD_FAILURE() << to_json_line(Json(text)) << " is decoded as " << to_json_line(Json(decoded));
  }
  EXPECT_TRUE(wanted.at_end());
  EXPECT_EQ(wrong_ids, 0) << "of " << texts.size();
  EXPECT_EQ(wrong_texts, 0) << "of " << texts.size();
  const auto done = std::chrono::steady_clock::now();
  const auto ms = [](auto span) { return std::chrono::duration<double, std::milli>(span).count(); };
  std::printf("%s: %zu texts (%zu bytes), opened in %.0f ms, encoded twice and decoded in %.0f ms\n", name.c_str(),
              texts.size(), bytes, ms(opened - started), ms(done - opened));
}

TEST(TokenizerCases, RealTokenizersGiveTheIdsAndTextsOfTheirLibraries) {
  const char* folder = std::getenv("PENT_TOKENIZER_CASES");
  if (!folder) GTEST_SKIP() << "PENT_TOKENIZER_CASES is not set; script/parity sets it";
  const Json cases = parse_json(read_file(Path(folder) / "cases.json"), "cases.json");
  std::vector<std::string> texts;
  for (Numbers all(Path(folder) / "texts.bin"); !all.at_end();) texts.emplace_back(all.take(all.next()));
  for (const Json& each : cases["tokenizers"]) compare(each, texts, folder);
  for (const Json& each : cases["vectors"]) {
    const std::string path = each["path"];
    SCOPED_TRACE(path);
    const auto tokenizer = open_tokenizer("gguf", path);
    for (size_t i = 0; i < each["texts"].size(); ++i) {
      const std::string text = each["texts"][i];
      EXPECT_EQ(tokenizer->encode(text), each["ids"][i].get<std::vector<TokenId>>()) << to_json_line(Json(text));
    }
  }
}

}  // namespace
}  // namespace pent
