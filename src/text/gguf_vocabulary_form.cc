// The forms are those that llama.cpp's converter writes; what its tokenizers do with them is in its src/llama-vocab.cpp
// (docs/formats.md).
#include "text/gguf_vocabulary_form.h"

#include <algorithm>
#include <limits>
#include <span>

#include "text/bpe.h"
#include "text/gguf_pre_tokenizers.h"
#include "text/precompiled_charsmap.h"
#include "text/scanners.h"
#include "text/shared_parts.h"
#include "text/word_model_json.h"

namespace pent {
namespace {

constexpr const char* kMark = "\u2581";  // SentencePiece's space
constexpr const char* kSpaceNote =
    "llama.cpp will put a space before text that begins with one already, or follows a special token";

using Steps = std::span<const JsonPart>;

std::string type_of(const JsonPart& part) { return get_string(part.object, "type", part.where).value_or(""); }

// The members of a Sequence under `list`, or the part alone; none if it is null.
std::vector<JsonPart> steps_of(const JsonPart& owner, const char* key, const char* list) {
  if (!owner[key].is_object()) return {};
  const JsonPart part = owner.part(key);
  if (type_of(part) != "Sequence") return {part};
  std::vector<JsonPart> steps;
  for (const Json& member : required_array(part, list)) steps.push_back(JsonPart::checked(member, part.where));
  return steps;
}

std::string pattern(const JsonPart& step, const char* kind) {
  const Json& found = step["pattern"];
  return found.is_object() && found.contains(kind) && found[kind].is_string() ? found[kind].get<std::string>() : "";
}

bool replaces(const JsonPart& step, const char* kind, const char* from) {
  const Json& content = step["content"];
  return type_of(step) == "Replace" && pattern(step, kind) == from && (content == kMark || content == " ");
}

// A Split that cuts the text into the matches of its pattern, which match all of it.
std::optional<std::string> splitting_pattern(const JsonPart& step) {
  const std::string found = pattern(step, "Regex");
  if (type_of(step) != "Split" || found.empty()) return std::nullopt;
  if (step["behavior"] != (step.flag("invert", false) ? "Removed" : "Isolated")) return std::nullopt;
  return found;
}

// The patterns that the steps come to, one after the other, before the bytes; nullopt for steps that patterns cannot say.
std::optional<std::vector<std::string>> patterns_of(Steps steps) {
  std::vector<std::string> patterns;
  for (const JsonPart& step : steps) {
    if (const auto found = splitting_pattern(step)) {
      patterns.push_back(*found);
    } else if (type_of(step) == "Digits" && step.flag("individual_digits", false)) {
      patterns.emplace_back(kSingleDigits);
    } else if (type_of(step) == "ByteLevel" && !step.flag("add_prefix_space", true) && &step == &steps.back()) {
      if (step.flag("use_regex", true)) patterns.emplace_back(kGpt2Pattern);
      return patterns;
    } else {
      break;
    }
  }
  return std::nullopt;
}

std::optional<GgufVocabularyForm> byte_level(const JsonPart& model, Steps normalizers, Steps steps) {
  const bool nfc = normalizers.size() == 1 && type_of(normalizers[0]) == "NFC";
  const auto patterns = patterns_of(steps);
  if (!patterns || (!nfc && !normalizers.empty())) return std::nullopt;
  const bool ignore_merges = model.flag("ignore_merges", false);
  for (const GgufPreTokenizer& known : gguf_pre_tokenizers()) {
    if (nfc != known.nfc || ignore_merges != known.ignore_merges || known.add_sep ||
        !std::equal(patterns->begin(), patterns->end(), known.patterns.begin(), known.patterns.end()))
      continue;
    std::vector<std::string> merges;
    for (const Json& merge : required_array(model, "merges"))
      merges.push_back(merge.is_array() ? merge[0].get<std::string>() + " " + merge[1].get<std::string>()
                                        : merge.get<std::string>());
    return GgufVocabularyForm{.pairs = {{"tokenizer.ggml.model", std::string("gpt2")},
                                        {"tokenizer.ggml.pre", std::string(known.names.front())},
                                        {"tokenizer.ggml.merges", std::move(merges)}}};
  }
  return std::nullopt;
}

// Spaces become marks: by Metaspace, or by a Replace, before which a Prepend may put one in front of the text.
std::optional<MetaspaceOptions> marking(Steps normalizers, Steps steps, bool split) {
  using Prepend = MetaspaceOptions::Prepend;
  if (normalizers.empty() && steps.size() == 1 && type_of(steps[0]) == "Metaspace") {
    const MetaspaceOptions options = parse_metaspace(steps[0]);
    return options.replacement == kMark && options.split == split ? std::optional(options) : std::nullopt;
  }
  MetaspaceOptions options{.prepend = Prepend::kNever, .split = false};
  bool replaced = false;
  for (const JsonPart& step : normalizers) {
    if (!replaced && type_of(step) == "Prepend" && step["prepend"] == kMark)
      options.prepend = Prepend::kAlways;
    else if (!replaced && replaces(step, "String", " ") && step["content"] == kMark)
      replaced = true;
    else
      return std::nullopt;
  }
  // Gemma's Split at the spaces that are none any more does nothing.
  const bool idle = std::all_of(steps.begin(), steps.end(), [](const JsonPart& step) {
    return type_of(step) == "Split" && pattern(step, "String") == " ";
  });
  return replaced && idle && !split ? std::optional(options) : std::nullopt;
}

// Scores by which merges_of_scores() makes the same merges, the earlier the higher; nullopt if there are none.
std::optional<std::vector<float>> scores_of(const JsonPart& tokenizer, int size) {
  const JsonPart model = tokenizer.part("model");
  const TokenIndex vocabulary = parse_vocabulary(model.part("vocab"));
  std::vector<Bpe::Merge> merges = parse_merges(model, vocabulary);
  const double lowest = -1 - static_cast<double>(merges.size());
  std::vector<double> scores(static_cast<size_t>(size), lowest);
  double rank = 0;
  for (size_t i = 0; i < merges.size(); ++i) {
    if (i > 0 && merges[i].merged == merges[i - 1].merged) continue;
    double& score = scores[static_cast<size_t>(merges[i].merged)];
    if (score != lowest) return std::nullopt;  // merged early and late
    score = --rank;
  }
  std::vector<Bpe::Merge> implied = merges_of_scores(vocabulary, scores);
  // An added token is cut out of the text before anything is merged.
  for (const Json& added : tokenizer["added_tokens"]) {
    const TokenId id = parse_token_id(added["id"], tokenizer.where);
    std::erase_if(implied, [&](const Bpe::Merge& merge) { return merge.merged == id; });
    std::erase_if(merges, [&](const Bpe::Merge& merge) { return merge.merged == id; });
  }
  const auto key = [](const Bpe::Merge& merge) { return std::pair(merge.left, merge.right); };
  const auto before = [&](const Bpe::Merge& a, const Bpe::Merge& b) { return key(a) < key(b); };
  std::sort(merges.begin(), merges.end(), before);
  std::sort(implied.begin(), implied.end(), before);
  if (!std::equal(merges.begin(), merges.end(), implied.begin(), implied.end(),
                  [&](const Bpe::Merge& a, const Bpe::Merge& b) { return key(a) == key(b); }))
    return std::nullopt;
  return std::vector<float>(scores.begin(), scores.end());
}

bool has_all_bytes(const JsonPart& vocabulary) {
  for (int byte = 0; byte < 256; ++byte) {
    if (!vocabulary.object.contains(fmt::format("<0x{:02X}>", byte))) return false;
  }
  return true;
}

std::optional<GgufVocabularyForm> sentence_piece(const JsonPart& tokenizer, Steps normalizers, Steps steps, int size) {
  const JsonPart model = tokenizer.part("model");
  const auto marks = marking(normalizers, steps, /*split=*/false);
  if (!marks || model.flag("ignore_merges", false) || !has_all_bytes(model.part("vocab"))) return std::nullopt;
  auto scores = scores_of(tokenizer, size);
  if (!scores) return std::nullopt;
  using Prepend = MetaspaceOptions::Prepend;
  GgufVocabularyForm form{.pairs = {{"tokenizer.ggml.model", std::string("llama")},
                                    {"tokenizer.ggml.pre", std::string("default")},
                                    {"tokenizer.ggml.add_space_prefix", marks->prepend != Prepend::kNever}},
                          .scores = std::move(*scores),
                          .byte_tokens = true};
  if (const auto unknown = get_string(model.object, "unk_token", model.where))
    form.unknown = parse_token_id(model["vocab"][*unknown], model.where);
  const bool by_metaspace = normalizers.empty();  // which puts none before a space
  if (by_metaspace && marks->prepend != Prepend::kNever) form.note = kSpaceNote;
  return form;
}

std::optional<GgufVocabularyForm> unigram(const JsonPart& tokenizer, Steps normalizers, Steps steps, int size) {
  const JsonPart model = tokenizer.part("model");
  GgufVocabularyForm form{
      .pairs = {{"tokenizer.ggml.model", std::string("t5")}, {"tokenizer.ggml.pre", std::string("default")}}};
  if (!normalizers.empty() && type_of(normalizers[0]) == "Precompiled") {
    const std::string charsmap =
        decode_base64(get_required_string(normalizers[0].object, "precompiled_charsmap", model.where), model.where);
    form.pairs.emplace_back("tokenizer.ggml.precompiled_charsmap",
                            std::vector<uint8_t>(charsmap.begin(), charsmap.end()));
    normalizers = normalizers.subspan(1);
  }
  // Runs of spaces are one, none are left at the ends: what SentencePiece calls removing extra white space.
  const bool by_words = !steps.empty() && type_of(steps[0]) == "WhitespaceSplit";
  if (by_words) steps = steps.subspan(1);
  if (!normalizers.empty() && type_of(normalizers[0]) == "Strip") normalizers = normalizers.subspan(1);
  const bool by_rule = !normalizers.empty() && replaces(normalizers[0], "Regex", " {2,}");
  if (by_rule) normalizers = normalizers.subspan(1);
  const auto marks = marking(normalizers, steps, /*split=*/true);
  if (!marks) return std::nullopt;
  using Prepend = MetaspaceOptions::Prepend;
  form.pairs.emplace_back("tokenizer.ggml.remove_extra_whitespaces", by_words || by_rule);
  form.pairs.emplace_back("tokenizer.ggml.add_space_prefix", marks->prepend != Prepend::kNever);
  double least = std::numeric_limits<double>::infinity();
  for (const Json& piece : model["vocab"]) least = std::min(least, piece[1].get<double>());
  form.scores.assign(static_cast<size_t>(size), static_cast<float>(least));
  size_t id = 0;
  for (const Json& piece : model["vocab"]) form.scores[id++] = piece[1].get<float>();
  form.unknown = parse_token_id(model["unk_id"], model.where);
  if (model.flag("byte_fallback", false))
    form.note = "llama.cpp will write an unknown character as the unknown token, not as its bytes";
  else if (marks->prepend == Prepend::kFirst || (marks->prepend == Prepend::kAlways && !by_words && !by_rule))
    form.note = kSpaceNote;
  return form;
}

std::optional<GgufVocabularyForm> word_piece(const JsonPart& model, Steps normalizers, Steps steps) {
  if (normalizers.size() != 1 || type_of(normalizers[0]) != "BertNormalizer" || steps.size() != 1 ||
      type_of(steps[0]) != "BertPreTokenizer")
    return std::nullopt;
  const JsonPart& normalizer = normalizers[0];
  const std::string prefix = get_string(model.object, "continuing_subword_prefix", model.where).value_or("##");
  if (!normalizer.flag("clean_text", true) || !normalizer.flag("handle_chinese_chars", true) || prefix != "##")
    return std::nullopt;
  const bool lowercase = normalizer.flag("lowercase", true);
  GgufVocabularyForm form{
      .pairs = {{"tokenizer.ggml.model", std::string("bert")},
                {"tokenizer.ggml.pre", std::string("default")},
                {"tokenizer.ggml.normalizer.lowercase", lowercase},
                {"tokenizer.ggml.normalizer.strip_accents", normalizer.flag("strip_accents", lowercase)}},
      .word_pieces = true};
  const std::string unknown = get_string(model.object, "unk_token", model.where).value_or("[UNK]");
  form.unknown = parse_token_id(model["vocab"][unknown], model.where);
  return form;
}

}  // namespace

std::optional<GgufVocabularyForm> find_vocabulary_form(const JsonPart& tokenizer, int size) {
  const std::vector<JsonPart> normalizers = steps_of(tokenizer, "normalizer", "normalizers"),
                              steps = steps_of(tokenizer, "pre_tokenizer", "pretokenizers");
  const JsonPart model = tokenizer.part("model");
  if (model["merges"].is_array()) {
    if (model.flag("byte_fallback", false)) return sentence_piece(tokenizer, normalizers, steps, size);
    const bool bytes = tokenizer["decoder"].is_object() && type_of(tokenizer.part("decoder")) == "ByteLevel";
    return bytes ? byte_level(model, normalizers, steps) : std::nullopt;
  }
  return model["vocab"].is_array() ? unigram(tokenizer, normalizers, steps, size)
                                   : word_piece(model, normalizers, steps);
}

std::string stored_word_piece(const std::string& token) {
  return token.starts_with("##") ? token.substr(2) : kMark + token;
}

std::string restored_word_piece(const std::string& stored) {
  return stored.starts_with(kMark) ? stored.substr(std::string_view(kMark).size()) : "##" + stored;
}

}  // namespace pent
