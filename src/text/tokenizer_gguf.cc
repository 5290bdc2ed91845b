// The tokenizers that GGUF metadata describes: "gpt2" (byte-level BPE), "llama" (SentencePiece BPE by scores), "gemma4" (the
// same with merges), "t5" (Unigram) and "bert" (WordPiece). Keys: docs/formats.md, GGUF.
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "text/bpe.h"
#include "text/composed_tokenizer.h"
#include "text/gguf_pre_tokenizers.h"
#include "text/gguf_vocabulary_form.h"
#include "text/precompiled_charsmap.h"
#include "text/regex.h"
#include "text/unigram.h"
#include "text/word_piece.h"

namespace pent {
namespace {

constexpr const char* kMark = "\u2581";  // SentencePiece's space

enum TokenType : int64_t { kUnknown = 2, kControl = 3, kUserDefined = 4, kByte = 6 };

// The metadata of one file under "tokenizer.ggml.".
class Metadata {
 public:
  explicit Metadata(const GgufFile& file) : file_(file), where_(file.describe()) {
    const auto* tokens = file.get_strings(key("tokens"));
    if (!tokens) throw missing("tokens");
    tokens_ = *tokens;
    if (const auto* types = file.get_ints(key("token_type"))) types_ = *types;
    if (!types_.empty() && types_.size() != tokens_.size()) {
      throw error(ErrorKind::kCorrupt, "{}: tokenizer.ggml.token_type has {} entries for {} tokens", where_,
                  types_.size(), tokens_.size());
    }
  }

  const std::string& where() const { return where_; }
  std::string where(const char* name) const { return where_ + ": " + key(name); }
  std::vector<std::string>& tokens() { return tokens_; }
  bool is(size_t id, TokenType type) const { return !types_.empty() && types_[id] == type; }
  std::string text(const char* name, const char* fallback) const {
    return file_.get_string(key(name)).value_or(fallback);
  }
  bool flag(const char* name, bool fallback) const { return file_.get_bool(key(name)).value_or(fallback); }

  // A token id; nullopt if the key is absent.
  std::optional<TokenId> id(const char* name) const {
    const auto value = file_.get_int(key(name));
    if (!value) return std::nullopt;
    if (*value < 0 || static_cast<uint64_t>(*value) >= tokens_.size())
      throw error(ErrorKind::kCorrupt, "{} is {}, with {} tokens", where(name), *value, tokens_.size());
    return static_cast<TokenId>(*value);
  }
  TokenId required_id(const char* name) const {
    const auto value = id(name);
    if (!value) throw missing(name);
    return *value;
  }
  // {the id `name`} if the flag is set.
  std::vector<TokenId> id_if(const char* flag_name, bool fallback, const char* name) const {
    return flag(flag_name, fallback) ? std::vector<TokenId>{required_id(name)} : std::vector<TokenId>{};
  }

  const std::vector<std::string>& merges() const {
    const auto* merges = file_.get_strings(key("merges"));
    if (!merges) throw missing("merges");
    return *merges;
  }
  std::vector<double> scores() const {
    const auto found = file_.metadata().find(key("scores"));
    const auto* scores = found == file_.metadata().end() ? nullptr : std::get_if<std::vector<double>>(&found->second);
    if (!scores) throw missing("scores");
    if (scores->size() != tokens_.size())
      throw error(ErrorKind::kCorrupt, "{} has {} entries for {} tokens", where("scores"), scores->size(),
                  tokens_.size());
    for (size_t id = 0; id < scores->size(); ++id) {
      if (!std::isfinite((*scores)[id]))
        throw error(ErrorKind::kCorrupt, "{}[{}] is {}", where("scores"), id, (*scores)[id]);
    }
    return *scores;
  }
  std::optional<std::string> charsmap() const {
    const auto* bytes = file_.get_ints(key("precompiled_charsmap"));
    if (!bytes) return std::nullopt;
    return std::string(bytes->begin(), bytes->end());
  }

  TokenIndex vocabulary() const {
    TokenIndex vocabulary;
    vocabulary.reserve(tokens_.size());
    for (const std::string& token : tokens_) {
      const auto [known, is_new] = vocabulary.emplace(token, static_cast<TokenId>(vocabulary.size()));
      if (!is_new) {
        throw error(ErrorKind::kCorrupt, "{}: '{}' is both {} and {}", where("tokens"), printable(token), known->second,
                    vocabulary.size());
      }
    }
    return vocabulary;
  }
  // Control, unknown and user-defined tokens; only the last are written out.
  std::vector<AddedToken> added_tokens() const {
    std::vector<AddedToken> added;
    for (size_t id = 0; id < tokens_.size(); ++id) {
      const bool special = is(id, kControl) || is(id, kUnknown);
      if (special || is(id, kUserDefined))
        added.push_back({.id = static_cast<TokenId>(id), .content = tokens_[id], .special = special});
    }
    return added;
  }
  // The key, else the first token of that type.
  std::optional<TokenId> unknown() const {
    if (const auto named = id("unknown_token_id")) return named;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (is(i, kUnknown)) return static_cast<TokenId>(i);
    }
    return std::nullopt;
  }

 private:
  static std::string key(const char* name) { return std::string("tokenizer.ggml.") + name; }
  Error missing(const char* name) const { return error(ErrorKind::kCorrupt, "{} is missing", where(name)); }

  const GgufFile& file_;
  std::string where_;
  std::vector<std::string> tokens_;
  std::vector<int64_t> types_;
};

// "a b"; a token has no space in it, but one may begin with it in odd files.
std::vector<Bpe::Merge> read_merges(const Metadata& file, const TokenIndex& vocabulary) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(file.merges().size());
  for (const std::string& merge : file.merges()) {
    const size_t space = merge.find(' ', 1);
    if (space == std::string::npos) {
      throw error(ErrorKind::kCorrupt, "{}[{}]: '{}' is not a pair of tokens", file.where("merges"), pairs.size(),
                  printable(merge));
    }
    pairs.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return resolve_merges(pairs, vocabulary, file.where("merges"));
}

void set_byte_level_bpe(Metadata& file, TokenizerParts& parts) {
  BpeSurroundings surroundings = bpe_surroundings(file.text("pre", "default"), file.where());
  parts.normalizer = std::move(surroundings.normalizer);
  parts.pre_tokenizer = std::move(surroundings.pre_tokenizer);
  TokenIndex vocabulary = file.vocabulary();
  const std::vector<Bpe::Merge> merges = read_merges(file, vocabulary);
  parts.model = std::make_unique<Bpe>(std::move(vocabulary), merges,
                                      BpeOptions{.ignore_merges = surroundings.ignore_merges, .unk = {}});
  parts.decoder = byte_level_decoder();
  parts.prefix = file.id_if("add_bos_token", surroundings.add_bos, "bos_token_id");
  parts.suffix = file.flag("add_sep_token", surroundings.add_sep)
                     ? file.id_if("add_sep_token", true, "seperator_token_id")
                     : file.id_if("add_eos_token", false, "eos_token_id");
}

void set_sentence_piece(const Metadata& file, TokenIndex vocabulary, const std::vector<Bpe::Merge>& merges,
                        bool space_first, TokenizerParts& parts) {
  parts.normalizer.steps.push_back([](const std::string& text) { return replace_all(text, " ", kMark); });
  if (space_first) {
    parts.normalizer.openings.push_back(parts.normalizer.steps.size());
    parts.normalizer.steps.push_back([](const std::string& text) { return kMark + text; });
  }
  parts.model = std::make_unique<Bpe>(std::move(vocabulary), merges,
                                      BpeOptions{.byte_fallback = true, .fuse_unk = true, .unk = file.unknown()});
  parts.decoder = sentence_piece_decoder(space_first);
  parts.prefix = file.id_if("add_bos_token", true, "bos_token_id");
  parts.suffix = file.id_if("add_eos_token", false, "eos_token_id");
}

void set_scored_bpe(Metadata& file, TokenizerParts& parts) {
  TokenIndex vocabulary = file.vocabulary();
  const std::vector<Bpe::Merge> merges = merges_of_scores(vocabulary, file.scores());
  set_sentence_piece(file, std::move(vocabulary), merges, file.flag("add_space_prefix", true), parts);
}

void set_merged_sentence_piece(Metadata& file, TokenizerParts& parts) {
  TokenIndex vocabulary = file.vocabulary();
  const std::vector<Bpe::Merge> merges = read_merges(file, vocabulary);
  set_sentence_piece(file, std::move(vocabulary), merges, file.flag("add_space_prefix", false), parts);
}

void set_unigram(Metadata& file, TokenizerParts& parts) {
  auto& steps = parts.normalizer.steps;
  if (const auto charsmap = file.charsmap())
    steps.push_back(PrecompiledCharsmap(*charsmap, file.where("precompiled_charsmap")));
  if (file.flag("remove_extra_whitespaces", false)) {
    steps.push_back([](const std::string& text) { return strip_space(text, false, true); });
    steps.push_back(
        [spaces = Regex(" {2,}", file.where())](const std::string& text) { return spaces.replace(text, kMark); });
  }
  parts.pre_tokenizer.steps.push_back(
      metaspace_step({.prepend = file.flag("add_space_prefix", false) ? MetaspaceOptions::Prepend::kAlways
                                                                      : MetaspaceOptions::Prepend::kNever}));
  const auto unknown = file.unknown();
  if (!unknown)
    throw error(ErrorKind::kCorrupt, "{} is missing, and no token is of type 2 (unknown)",
                file.where("unknown_token_id"));
  parts.model = std::make_unique<Unigram>(file.vocabulary(), file.scores(),
                                          UnigramOptions{.unk = *unknown, .byte_fallback = true});
  parts.decoder = metaspace_decoder();
  parts.prefix = file.id_if("add_bos_token", false, "bos_token_id");
  parts.suffix = file.id_if("add_eos_token", true, "eos_token_id");
}

void restore_word_pieces(Metadata& file) {
  for (size_t id = 0; id < file.tokens().size(); ++id) {
    std::string& token = file.tokens()[id];
    const bool bracketed =
        token.starts_with('[') && token.ends_with(']');  // control tokens, in files without types too
    if (!file.is(id, kControl) && !bracketed) token = restored_word_piece(token);
  }
}

void set_word_piece(Metadata& file, TokenizerParts& parts) {
  restore_word_pieces(file);
  BertNormalizerOptions options;
  options.lowercase = file.flag("normalizer.lowercase", true);
  options.strip_accents = file.flag("normalizer.strip_accents", options.lowercase);
  parts.normalizer.steps.push_back([options](std::string text) { return bert_normalize(std::move(text), options); });
  add_bert_steps(parts.pre_tokenizer);
  parts.model =
      std::make_unique<WordPiece>(file.vocabulary(), WordPieceOptions{.unk = file.required_id("unknown_token_id")});
  parts.decoder = word_piece_decoder();
  parts.prefix = file.id_if("add_bos_token", true, file.id("bos_token_id") ? "bos_token_id" : "cls_token_id");
  parts.suffix = file.id_if("add_sep_token", true, "seperator_token_id");
}

}  // namespace

std::shared_ptr<const Tokenizer> make_tokenizer_from_gguf(const GgufFile& file) {
  const std::string where = file.describe();
  if (const auto json = file.get_string("tokenizer.huggingface.json")) {
    return parse_tokenizer_json(*json, where + ": tokenizer.huggingface.json");
  }
  const auto model = file.get_string("tokenizer.ggml.model");
  if (!model) throw error(ErrorKind::kNotFound, "{}: has no tokenizer (tokenizer.ggml.model is missing)", where);
  static const std::map<std::string, void (*)(Metadata&, TokenizerParts&)> kModels = {
      {"gpt2", set_byte_level_bpe}, {"llama", set_scored_bpe}, {"gemma4", set_merged_sentence_piece},
      {"t5", set_unigram},          {"bert", set_word_piece},
  };
  const auto set = kModels.find(*model);
  if (set == kModels.end()) {
    throw error(ErrorKind::kUnsupported,
                "{}: tokenizer.ggml.model '{}' is not supported; gpt2, llama, gemma4, t5 and bert are", where,
                printable(*model));
  }
  Metadata metadata(file);
  TokenizerParts parts;
  parts.where = where;
  set->second(metadata, parts);
  parts.added_tokens = metadata.added_tokens();
  return compose_tokenizer(std::move(parts));
}

std::shared_ptr<const Tokenizer> make_tokenizer(const ModelFiles& files) {
  if (!files.tokenizer_json.empty())
    return parse_tokenizer_json(files.tokenizer_json, files.where + "/" + files.tokenizer_name);
  if (files.gguf) return make_tokenizer_from_gguf(*files.gguf);
  throw error(ErrorKind::kNotFound, "{}: has no tokenizer", files.where);
}

}  // namespace pent
