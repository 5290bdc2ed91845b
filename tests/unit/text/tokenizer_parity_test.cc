// Ids and decoded text against the PyPI package `tokenizers`, through hashes made by tests/parity/make_tokenizer_goldens.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "mixed_lines.h"
#include "text/tokenizer.h"

namespace pent {
namespace {

uint32_t fnv1a(std::string_view bytes, uint32_t value) {
  for (const char byte : bytes) value = (value ^ static_cast<uint8_t>(byte)) * 16777619u;
  return value;
}

uint32_t hash_line(const Tokenizer& tokenizer, const std::string& line, bool add_special, uint32_t value) {
  const std::vector<TokenId> ids = tokenizer.encode(line, add_special);
  std::string bytes;
  const auto append = [&](uint32_t id) {
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(id >> shift & 0xFF);
  };
  for (const TokenId id : ids) append(static_cast<uint32_t>(id));
  append(0xFFFFFFFF);
  return fnv1a(bytes + tokenizer.decode(ids), value);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kMaxBlocks = 20;  // ten times slower, and the plain build compares every line
#else
constexpr size_t kMaxBlocks = SIZE_MAX;
#endif

Json read_golden(const char* name) { return parse_json(golden_file(name), name); }

void expect_hashes(const Tokenizer& tokenizer, bool add_special, const Json& golden, const Json& hashes) {
  MixedLines lines(golden["seed"].get<uint64_t>());
  const int per_hash = golden["lines_per_hash"];
  for (size_t block = 0; block < std::min(hashes.size(), kMaxBlocks); ++block) {
    uint32_t value = 2166136261u;
    for (int i = 0; i < per_hash; ++i) value = hash_line(tokenizer, lines.next(), add_special, value);
    ASSERT_EQ(value, hashes[block].get<uint32_t>())
        << "in lines " << block * per_hash << " to " << (block + 1) * per_hash - 1;
  }
}

TEST(TokenizerParity, EveryVariantOfTokenizerJsonGivesTheIdsOfHuggingFace) {
  const Json golden = read_golden("hashes.json");
  std::map<std::string, Json> stored;
  for (const char* name : {"base", "spm", "unigram", "wordpiece"})
    stored[name] = read_golden((std::string(name) + ".json").c_str());
  for (const Json& variant : golden["variants"]) {
    SCOPED_TRACE(variant["name"].get<std::string>());
    Json patched = stored.at(variant["of"].get<std::string>());
    patched.merge_patch(variant["patch"]);
    const auto tokenizer = parse_tokenizer_json(patched.dump(), "a patched tokenizer.json");
    expect_hashes(*tokenizer, variant["add_special"], golden, variant["hashes"]);
  }
}

std::filesystem::path models_folder() {
  if (const char* home = std::getenv("PENT_HOME")) return std::filesystem::path(home) / "models";
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) return std::filesystem::path(cache) / "pent" / "models";
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home ? home : ".") / ".cache" / "pent" / "models";
}

TEST(TokenizerParity, SmolLM2sVocabularyFromGgufGivesTheIdsOfHuggingFace) {
  const auto path = models_folder() / "smollm2-135m-instruct.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there; script/fetch-smollm2 gets it";
  const Json golden = read_golden("hashes.json");
  const auto file = open_gguf(path);
  expect_hashes(*make_tokenizer_from_gguf(*file), false, golden, golden["smollm2"]);
}

}  // namespace
}  // namespace pent
