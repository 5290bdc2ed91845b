// Token types, "[PAD7]" for unused ids and the names of pre-tokenizers are llama.cpp's conventions (docs/formats.md).
#include "text/gguf_vocabulary.h"

#include <algorithm>
#include <optional>

#include "text/gguf_pre_tokenizers.h"
#include "text/json_field.h"
#include "text/scanners.h"

namespace pent {
namespace {

enum TokenType : int32_t { kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5 };

// The members of a Sequence under `list`, or the part alone.
std::vector<Json> steps_of(const Json& part, const char* list) {
  if (!part.is_object()) return {};
  if (part.value("type", "") != "Sequence") return {part};
  std::vector<Json> steps;
  for (const Json& member : part.value(list, Json::array())) steps.push_back(member);
  return steps;
}

std::string type_of(const Json& part) { return part.is_object() ? part.value("type", "") : ""; }

// A Split that cuts the text into the matches of its pattern, which match all of it.
std::optional<std::string> pattern_of(const Json& step) {
  if (type_of(step) != "Split" || !step.contains("pattern") || !step["pattern"].contains("Regex")) return std::nullopt;
  const bool inverted = step.value("invert", false);
  const std::string behavior = step.value("behavior", "");
  if (behavior != (inverted ? "Removed" : "Isolated")) return std::nullopt;
  return step["pattern"]["Regex"].get<std::string>();
}

// The patterns that the steps come to, one after the other, before the bytes; nullopt for steps that patterns cannot say.
std::optional<std::vector<std::string>> patterns_of(const std::vector<Json>& steps) {
  std::vector<std::string> patterns;
  for (const Json& step : steps) {
    if (const auto pattern = pattern_of(step)) {
      patterns.push_back(*pattern);
    } else if (type_of(step) == "Digits" && step.value("individual_digits", false)) {
      patterns.emplace_back(kSingleDigits);
    } else if (type_of(step) == "ByteLevel" && !step.value("add_prefix_space", true) && &step == &steps.back()) {
      if (step.value("use_regex", true)) patterns.emplace_back(kGpt2Pattern);
      return patterns;
    } else {
      break;
    }
  }
  return std::nullopt;
}

const GgufPreTokenizer* find_by_parts(const Json& tokenizer) {
  const std::vector<Json> normalizers = steps_of(tokenizer.value("normalizer", Json()), "normalizers");
  const bool nfc = normalizers.size() == 1 && type_of(normalizers[0]) == "NFC";
  const auto patterns = patterns_of(steps_of(tokenizer.value("pre_tokenizer", Json()), "pretokenizers"));
  if (!patterns || (!nfc && !normalizers.empty())) return nullptr;
  const bool ignore_merges = tokenizer["model"].value("ignore_merges", false);
  for (const GgufPreTokenizer& known : gguf_pre_tokenizers()) {
    if (nfc == known.nfc && ignore_merges == known.ignore_merges && !known.add_sep &&
        std::equal(patterns->begin(), patterns->end(), known.patterns.begin(), known.patterns.end()))
      return &known;
  }
  return nullptr;
}

bool is_byte_level_bpe(const Json& tokenizer) {
  const Json& model = tokenizer["model"];
  return type_of(tokenizer.value("decoder", Json())) == "ByteLevel" &&
         model.value("type", model.contains("merges") ? "BPE" : "") == "BPE" && !model.value("byte_fallback", false);
}

std::vector<std::string> merges_of(const Json& model) {
  std::vector<std::string> merges;
  for (const Json& merge : model["merges"]) {
    merges.push_back(merge.is_array() ? merge[0].get<std::string>() + " " + merge[1].get<std::string>()
                                      : merge.get<std::string>());
  }
  return merges;
}

void add_tokens(const Json& json, const Tokenizer& tokenizer, int rows, GgufPairs& pairs) {
  std::vector<std::string> tokens(static_cast<size_t>(rows));
  std::vector<int32_t> types(tokens.size(), kUnused);
  for (int id = 0; id < tokenizer.size(); ++id) {
    tokens[static_cast<size_t>(id)] = tokenizer.token_text(id);
    types[static_cast<size_t>(id)] = kNormal;
  }
  for (const Json& added : json.value("added_tokens", Json::array()))
    types[added["id"].get<size_t>()] = added.value("special", false) ? kControl : kUserDefined;
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (types[id] == kUnused) tokens[id] = fmt::format("[PAD{}]", id);
  }
  pairs.emplace_back("tokenizer.ggml.tokens", std::move(tokens));
  pairs.emplace_back("tokenizer.ggml.token_type", std::move(types));
}

// What the tokenizer puts around a text, told by what it does to one.
struct Around {
  std::vector<TokenId> before, after;
};
Around around(const Tokenizer& tokenizer) {
  const auto plain = tokenizer.encode("a", false), whole = tokenizer.encode("a", true);
  const auto text = std::search(whole.begin(), whole.end(), plain.begin(), plain.end());
  if (text == whole.end()) return {};
  return {{whole.begin(), text}, {text + static_cast<ptrdiff_t>(plain.size()), whole.end()}};
}

bool is_only(const std::vector<TokenId>& ids, int32_t id) { return ids.size() == 1 && ids[0] == id; }

// A TemplateProcessing that does the same.
Json post_processor(const Around& wanted, const Tokenizer& tokenizer) {
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

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json pre_tokenizer(const GgufPreTokenizer& known) {
  Json steps = Json::array();
  for (const std::string_view pattern : known.patterns) {
    if (pattern == kSingleDigits)
      steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    else
      steps.push_back(
          {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  steps.push_back(byte_level(false));
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

Json added_token(size_t id, const std::string& text, bool special) {
  return {{"id", id},        {"content", text},     {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

}  // namespace

GgufVocabulary gguf_vocabulary(const ModelFiles& files, const Tokenizer& tokenizer, int rows, int32_t bos_id,
                               int32_t eos_id) {
  const std::string where = files.where + "/tokenizer.json";
  const Json json = parse_json(files.tokenizer_json, where);
  if (tokenizer.size() > rows)
    throw error(ErrorKind::kCorrupt, "{}: {} tokens, but the model has {} rows for them", where, tokenizer.size(),
                rows);
  GgufVocabulary vocabulary;
  GgufPairs& pairs = vocabulary.pairs;
  const GgufPreTokenizer* known = is_byte_level_bpe(json) ? find_by_parts(json) : nullptr;
  if (known == nullptr) {
    pairs.emplace_back("tokenizer.ggml.model", std::string("none"));
    vocabulary.note = "llama.cpp has no name for this tokenizer: it opens the file, but takes and gives ids only";
  } else {
    pairs.emplace_back("tokenizer.ggml.model", std::string("gpt2"));
    pairs.emplace_back("tokenizer.ggml.pre", std::string(known->names.front()));
    add_tokens(json, tokenizer, rows, pairs);
    pairs.emplace_back("tokenizer.ggml.merges", merges_of(json["model"]));
    const Around wanted = around(tokenizer);
    pairs.emplace_back("tokenizer.ggml.add_bos_token", is_only(wanted.before, bos_id));
    pairs.emplace_back("tokenizer.ggml.add_eos_token", is_only(wanted.after, eos_id));
    if ((!wanted.before.empty() && !is_only(wanted.before, bos_id)) ||
        (!wanted.after.empty() && !is_only(wanted.after, eos_id)))
      vocabulary.note = "llama.cpp will not put around a text what this tokenizer does";
  }
  pairs.emplace_back("tokenizer.huggingface.json", files.tokenizer_json);
  if (!files.chat_template.empty()) pairs.emplace_back("tokenizer.chat_template", files.chat_template);
  return vocabulary;
}

std::string tokenizer_json_of_gguf(const GgufFile& file) {
  if (const auto json = file.get_string("tokenizer.huggingface.json")) return *json;
  const auto tokenizer = make_tokenizer_from_gguf(file);  // refuses what it does not read, and checks the rest
  const std::string pre = file.get_string("tokenizer.ggml.pre").value_or("default");
  const GgufPreTokenizer* known =
      file.get_string("tokenizer.ggml.model") == "gpt2" ? find_gguf_pre_tokenizer(pre) : nullptr;
  if (known == nullptr)
    throw error(ErrorKind::kUnsupported, "{}: tokenizer.ggml.pre '{}' cannot be written as a tokenizer.json",
                file.describe(), printable(pre));
  const std::vector<std::string>& tokens = *file.get_strings("tokenizer.ggml.tokens");
  const std::vector<int64_t>* types = file.get_ints("tokenizer.ggml.token_type");
  const auto type_at = [&](size_t id) { return types != nullptr ? (*types)[id] : kNormal; };
  size_t used = tokens.size();  // unused ids at the end are the embedding's padding
  while (used > 0 && type_at(used - 1) == kUnused) --used;
  Json vocab = Json::object(), added = Json::array();
  for (size_t id = 0; id < used; ++id) {
    vocab[tokens[id]] = id;
    if (type_at(id) == kControl || type_at(id) == kUserDefined)
      added.push_back(added_token(id, tokens[id], type_at(id) == kControl));
  }
  const Json json = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", known->nfc ? Json{{"type", "NFC"}} : Json()},
                     {"pre_tokenizer", pre_tokenizer(*known)},
                     {"post_processor", post_processor(around(*tokenizer), *tokenizer)},
                     {"decoder", byte_level(true)},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", known->ignore_merges},
                       {"vocab", vocab},
                       {"merges", *file.get_strings("tokenizer.ggml.merges")}}}};
  return json.dump(2) + "\n";
}

}  // namespace pent
