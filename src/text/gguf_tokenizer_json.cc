// A tokenizer.json that does what GGUF's vocabulary says, for models that are brought into a directory.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "text/bpe.h"
#include "text/gguf_pre_tokenizers.h"
#include "text/gguf_vocabulary.h"
#include "text/gguf_vocabulary_form.h"
#include "text/precompiled_charsmap.h"

namespace pent {
namespace {

constexpr const char* kMark = "\u2581";

enum TokenType : int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5 };

// The metadata, which make_tokenizer_from_gguf has checked.
class Vocabulary {
 public:
  explicit Vocabulary(const GgufFile& file)
      : file_(file),
        tokens_(*file.get_strings("tokenizer.ggml.tokens")),
        types_(file.get_ints("tokenizer.ggml.token_type")),
        used_(tokens_.size()) {
    while (used_ > 0 && type(used_ - 1) == kUnused) --used_;
  }

  size_t used() const { return used_; }  // unused ids at the end are the embedding's padding
  const std::string& token(size_t id) const { return tokens_[id]; }
  int64_t type(size_t id) const { return types_ != nullptr ? (*types_)[id] : kNormal; }
  const GgufFile& file() const { return file_; }
  bool flag(const char* key, bool fallback) const {
    return file_.get_bool(std::string("tokenizer.ggml.") + key).value_or(fallback);
  }
  std::vector<double> scores() const {
    return std::get<std::vector<double>>(file_.metadata().at("tokenizer.ggml.scores"));
  }
  std::optional<size_t> unknown() const {
    if (const auto id = file_.get_int("tokenizer.ggml.unknown_token_id")) return static_cast<size_t>(*id);
    for (size_t id = 0; id < used_; ++id)
      if (type(id) == kUnknown) return id;
    return std::nullopt;
  }

  // {"token": id, …}, the tokens as `written` has them: each another, so that no key is looked for before it is added.
  template <typename Written>
  Json ids(Written written) const {
    Json vocab = Json::object();
    Json::object_t::Container& entries = vocab.get_ref<Json::object_t&>();
    entries.reserve(used_);
    for (size_t id = 0; id < used_; ++id) entries.emplace_back(written(id), id);
    return vocab;
  }
  Json added_tokens() const {
    Json added = Json::array();
    for (size_t id = 0; id < used_; ++id) {
      if (type(id) != kControl && type(id) != kUserDefined && type(id) != kUnknown) continue;
      added.push_back({{"id", id},
                       {"content", tokens_[id]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", type(id) != kUserDefined}});
    }
    return added;
  }

 private:
  const GgufFile& file_;
  const std::vector<std::string>& tokens_;
  const std::vector<int64_t>* types_;
  size_t used_;
};

Json sequence(const char* list, Json members) { return {{"type", "Sequence"}, {list, std::move(members)}}; }

Json replace(const char* kind, const char* from, const char* to) {
  return {{"type", "Replace"}, {"pattern", {{kind, from}}}, {"content", to}};
}

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json bpe(Json vocab, Json merges, Json unknown, bool byte_fallback, bool ignore_merges) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", std::move(unknown)},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", byte_fallback},
          {"byte_fallback", byte_fallback},
          {"ignore_merges", ignore_merges},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

void describe_byte_level(const Vocabulary& vocabulary, Json& json) {
  const std::string pre = vocabulary.file().get_string("tokenizer.ggml.pre").value_or("default");
  const GgufPreTokenizer& known = *find_gguf_pre_tokenizer(pre);
  Json steps = Json::array();
  for (const std::string_view pattern : known.patterns) {
    if (pattern == kSingleDigits)
      steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    else
      steps.push_back(
          {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  steps.push_back(byte_level(false));
  if (known.nfc) json["normalizer"] = {{"type", "NFC"}};
  json["pre_tokenizer"] = sequence("pretokenizers", std::move(steps));
  json["decoder"] = byte_level(true);
  json["model"] = bpe(vocabulary.ids([&](size_t id) { return vocabulary.token(id); }),
                      *vocabulary.file().get_strings("tokenizer.ggml.merges"), nullptr, false, known.ignore_merges);
}

// Scores as the merges they stand for.
void describe_sentence_piece(const Vocabulary& vocabulary, Json& json) {
  TokenIndex index;
  for (size_t id = 0; id < vocabulary.used(); ++id) index.emplace(vocabulary.token(id), static_cast<TokenId>(id));
  Json merges = Json::array();
  for (const Bpe::Merge& merge : merges_of_scores(index, vocabulary.scores()))
    merges.push_back(vocabulary.token(static_cast<size_t>(merge.left)) + " " +
                     vocabulary.token(static_cast<size_t>(merge.right)));
  const bool space_first = vocabulary.flag("add_space_prefix", true);
  Json normalizers = Json::array(), decoders = Json::array();
  if (space_first) normalizers.push_back({{"type", "Prepend"}, {"prepend", kMark}});
  normalizers.push_back(replace("String", " ", kMark));
  decoders.push_back(replace("String", kMark, " "));
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (space_first) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  json["normalizer"] = sequence("normalizers", std::move(normalizers));
  json["decoder"] = sequence("decoders", std::move(decoders));
  const auto unknown = vocabulary.unknown();
  json["model"] = bpe(vocabulary.ids([&](size_t id) { return vocabulary.token(id); }), std::move(merges),
                      unknown ? Json(vocabulary.token(*unknown)) : Json(), true, false);
}

void describe_unigram(const Vocabulary& vocabulary, Json& json) {
  Json pieces = Json::array(), normalizers = Json::array();
  const std::vector<double> scores = vocabulary.scores();
  for (size_t id = 0; id < vocabulary.used(); ++id) pieces.push_back({vocabulary.token(id), scores[id]});
  if (const auto* bytes = vocabulary.file().get_ints("tokenizer.ggml.precompiled_charsmap")) {
    const std::string charsmap(bytes->begin(), bytes->end());
    normalizers.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", encode_base64(charsmap)}});
  }
  if (vocabulary.flag("remove_extra_whitespaces", false)) {
    normalizers.push_back({{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}});
    normalizers.push_back(replace("Regex", " {2,}", kMark));
  }
  if (!normalizers.empty()) json["normalizer"] = sequence("normalizers", std::move(normalizers));
  const char* scheme = vocabulary.flag("add_space_prefix", false) ? "always" : "never";
  const Json metaspace = {{"type", "Metaspace"}, {"replacement", kMark}, {"prepend_scheme", scheme}, {"split", true}};
  json["pre_tokenizer"] = json["decoder"] = metaspace;
  json["model"] = {{"type", "Unigram"}, {"unk_id", *vocabulary.unknown()}, {"byte_fallback", true}, {"vocab", pieces}};
}

void describe_word_piece(const Vocabulary& vocabulary, Json& json) {
  const auto written = [&](size_t id) {
    const std::string& token = vocabulary.token(id);
    const bool stays = vocabulary.type(id) == kControl || (token.starts_with('[') && token.ends_with(']'));
    return stays ? token : restored_word_piece(token);
  };
  const bool lowercase = vocabulary.flag("normalizer.lowercase", true);
  json["normalizer"] = {{"type", "BertNormalizer"},
                        {"clean_text", true},
                        {"handle_chinese_chars", true},
                        {"strip_accents", vocabulary.flag("normalizer.strip_accents", lowercase)},
                        {"lowercase", lowercase}};
  json["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  json["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  json["model"] = {{"type", "WordPiece"},
                   {"unk_token", written(*vocabulary.unknown())},
                   {"continuing_subword_prefix", "##"},
                   {"max_input_chars_per_word", 100},
                   {"vocab", vocabulary.ids(written)}};
}

// A TemplateProcessing that puts the same around a text.
Json post_processor(const Tokenizer& tokenizer) {
  const TextSurroundings wanted = text_surroundings(tokenizer);
  if (wanted.before.empty() && wanted.after.empty()) return nullptr;
  Json single = Json::array(), specials = Json::object();
  const auto add = [&](TokenId id) {
    const std::string text(tokenizer.token_text(id));
    single.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
    specials[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
  };
  for (const TokenId id : wanted.before) add(id);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  for (const TokenId id : wanted.after) add(id);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", Json::array()}, {"special_tokens", specials}};
}

}  // namespace

std::string tokenizer_json_of_gguf(const GgufFile& file) {
  if (const auto json = file.get_string("tokenizer.huggingface.json")) return *json;
  const auto tokenizer = make_tokenizer_from_gguf(file);  // refuses what it does not read, and checks the rest
  static const std::map<std::string, void (*)(const Vocabulary&, Json&)> kDescriptions = {
      {"gpt2", describe_byte_level},
      {"llama", describe_sentence_piece},
      {"t5", describe_unigram},
      {"bert", describe_word_piece},
  };
  const std::string model = file.get_string("tokenizer.ggml.model").value_or("");
  const auto describe = kDescriptions.find(model);
  if (describe == kDescriptions.end())
    throw error(ErrorKind::kUnsupported, "{}: tokenizer.ggml.model '{}' cannot be written as a tokenizer.json",
                file.describe(), printable(model));
  const Vocabulary vocabulary(file);
  Json json = {{"version", "1.0"},
               {"truncation", nullptr},
               {"padding", nullptr},
               {"added_tokens", vocabulary.added_tokens()},
               {"normalizer", nullptr},
               {"pre_tokenizer", nullptr},
               {"post_processor", post_processor(*tokenizer)}};
  describe->second(vocabulary, json);
  return to_json_file(json, file.describe());
}

}  // namespace pent
