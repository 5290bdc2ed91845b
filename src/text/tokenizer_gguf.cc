// The tokenizer that GGUF metadata describes: byte-level BPE ("gpt2") with one of the pre-tokenizers known by name.
// Keys: docs/formats.md, GGUF. Token types: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
#include <optional>
#include <utility>

#include "base/error.h"
#include "text/bpe_tokenizer.h"
#include "text/scanners.h"
#include "text/unicode.h"

namespace pent {
namespace {

constexpr int64_t kControl = 3, kUserDefined = 4;

// What the name in tokenizer.ggml.pre stands for.
struct Surroundings {
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  bool ignore_merges = false;
  bool add_bos = false;  // unless the file says otherwise
};

Surroundings surroundings_of(const std::string& pre, const std::string& where) {
  const auto pattern_and_bytes = [&](const char* pattern) {
    return PreTokenizer{{split_step(pattern, where), byte_level_step(false, false)}};
  };
  if (pre == "default" || pre == "gpt-2") return {{}, {{byte_level_step(false, true)}}};
  if (pre == "smollm") return {{}, {{digits_step(true), byte_level_step(false, true)}}};
  if (pre == "llama-bpe") return {{}, pattern_and_bytes(kLlama3Pattern), true, true};
  if (pre == "qwen2") {
    return {{{[](const std::string& text) { return normalize(text, NormalForm::kNfc); }}},
            pattern_and_bytes(kQwen2Pattern)};
  }
  throw error(ErrorKind::kUnsupported,
              "{}: tokenizer.ggml.pre '{}' is not supported; default, gpt-2, smollm, llama-bpe and qwen2 are", where,
              printable(pre));
}

const std::vector<std::string>& required_strings(const GgufFile& file, const char* key, const std::string& where) {
  const std::vector<std::string>* strings = file.get_strings(key);
  if (!strings) throw error(ErrorKind::kCorrupt, "{}: {} is missing", where, key);
  return *strings;
}

TokenIndex index_tokens(const std::vector<std::string>& tokens, const std::string& where) {
  TokenIndex vocabulary;
  vocabulary.reserve(tokens.size());
  for (const std::string& token : tokens) {
    const auto [known, is_new] = vocabulary.emplace(token, static_cast<TokenId>(vocabulary.size()));
    if (!is_new) {
      throw error(ErrorKind::kCorrupt, "{}: tokenizer.ggml.tokens: '{}' is both {} and {}", where, printable(token),
                  known->second, vocabulary.size());
    }
  }
  return vocabulary;
}

// "a b"; a token of the byte alphabet has no space in it, but one may begin with it elsewhere.
std::vector<std::pair<std::string, std::string>> split_merges(const std::vector<std::string>& merges,
                                                              const std::string& where) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(merges.size());
  for (const std::string& merge : merges) {
    const size_t space = merge.find(' ', 1);
    if (space == std::string::npos) {
      throw error(ErrorKind::kCorrupt, "{}: tokenizer.ggml.merges[{}]: '{}' is not a pair of tokens", where,
                  pairs.size(), printable(merge));
    }
    pairs.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return pairs;
}

std::vector<AddedToken> added_tokens_of(const GgufFile& file, const std::vector<std::string>& tokens,
                                        const std::string& where) {
  std::vector<AddedToken> added;
  const std::vector<int64_t>* types = file.get_ints("tokenizer.ggml.token_type");
  if (!types) return added;
  if (types->size() != tokens.size()) {
    throw error(ErrorKind::kCorrupt, "{}: tokenizer.ggml.token_type has {} entries for {} tokens", where, types->size(),
                tokens.size());
  }
  for (size_t id = 0; id < tokens.size(); ++id) {
    const int64_t type = (*types)[id];
    if (type != kControl && type != kUserDefined) continue;
    added.push_back({.id = static_cast<TokenId>(id), .content = tokens[id], .special = type == kControl});
  }
  return added;
}

// {the id under `id_key`} if the flag under `flag_key` is set.
std::vector<TokenId> id_if(const GgufFile& file, const char* flag_key, bool fallback, const char* id_key,
                           size_t vocabulary_size, const std::string& where) {
  if (!file.get_bool(flag_key).value_or(fallback)) return {};
  const auto id = file.get_int(id_key);
  if (!id || *id < 0 || static_cast<uint64_t>(*id) >= vocabulary_size) {
    throw error(ErrorKind::kCorrupt, "{}: {} is {}, with {} tokens", where, id_key,
                id ? std::to_string(*id) : "missing", vocabulary_size);
  }
  return {static_cast<TokenId>(*id)};
}

}  // namespace

std::shared_ptr<const Tokenizer> make_tokenizer_from_gguf(const GgufFile& file) {
  const std::string where = file.describe();
  if (const auto json = file.get_string("tokenizer.huggingface.json")) {
    return parse_tokenizer_json(*json, where + ": tokenizer.huggingface.json");
  }
  const auto model = file.get_string("tokenizer.ggml.model");
  if (!model) throw error(ErrorKind::kNotFound, "{}: has no tokenizer (tokenizer.ggml.model is missing)", where);
  if (*model != "gpt2") {
    throw error(ErrorKind::kUnsupported,
                "{}: tokenizer.ggml.model '{}' is not supported, only gpt2 (byte-level BPE) is", where,
                printable(*model));
  }
  Surroundings surroundings = surroundings_of(file.get_string("tokenizer.ggml.pre").value_or("default"), where);
  const std::vector<std::string>& tokens = required_strings(file, "tokenizer.ggml.tokens", where);
  TokenIndex vocabulary = index_tokens(tokens, where);
  const auto pairs = split_merges(required_strings(file, "tokenizer.ggml.merges", where), where);
  const std::vector<Bpe::Merge> merges = resolve_merges(pairs, vocabulary, where + ": tokenizer.ggml.merges");
  TokenizerParts parts;
  parts.where = where;
  parts.normalizer = std::move(surroundings.normalizer);
  parts.pre_tokenizer = std::move(surroundings.pre_tokenizer);
  parts.bpe = Bpe(std::move(vocabulary), merges, {.ignore_merges = surroundings.ignore_merges, .unk = {}});
  parts.added_tokens = added_tokens_of(file, tokens, where);
  parts.prefix = id_if(file, "tokenizer.ggml.add_bos_token", surroundings.add_bos, "tokenizer.ggml.bos_token_id",
                       tokens.size(), where);
  parts.suffix =
      id_if(file, "tokenizer.ggml.add_eos_token", false, "tokenizer.ggml.eos_token_id", tokens.size(), where);
  return make_bpe_tokenizer(std::move(parts));
}

std::shared_ptr<const Tokenizer> make_tokenizer(const ModelFiles& files) {
  if (!files.tokenizer_json.empty()) return parse_tokenizer_json(files.tokenizer_json, files.where + "/tokenizer.json");
  if (files.gguf) return make_tokenizer_from_gguf(*files.gguf);
  throw error(ErrorKind::kNotFound, "{}: has no tokenizer", files.where);
}

}  // namespace pent
