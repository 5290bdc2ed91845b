// Token types and "[PAD7]" for unused ids are llama.cpp's conventions (docs/formats.md).
#include "text/gguf_vocabulary.h"

#include <algorithm>

#include "text/gguf_vocabulary_form.h"

namespace pent {
namespace {

enum TokenType : int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

bool is_byte_token(std::string_view token) { return token.size() == 6 && token.starts_with("<0x") && token[5] == '>'; }

// `json` is the tokenizer's, which has been read: what it lists is well-formed.
std::vector<int32_t> types_of(const Json& json, const Tokenizer& tokenizer, size_t rows,
                              const GgufVocabularyForm& form) {
  std::vector<int32_t> types(rows, kUnused);
  for (int id = 0; id < tokenizer.size(); ++id) {
    const bool byte = form.byte_tokens && is_byte_token(tokenizer.token_text(id));
    types[static_cast<size_t>(id)] = byte ? kByte : kNormal;
  }
  for (const Json& added : json.value("added_tokens", Json::array()))
    types[added["id"].get<size_t>()] = added.value("special", Json()) == true ? kControl : kUserDefined;
  // llama.cpp's converter leaves BERT's [UNK] a control token.
  if (form.unknown && !form.word_pieces) types[static_cast<size_t>(*form.unknown)] = kUnknown;
  return types;
}

std::vector<std::string> stored_tokens(const Tokenizer& tokenizer, const std::vector<int32_t>& types,
                                       bool word_pieces) {
  std::vector<std::string> tokens;
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] == kUnused) {
      tokens.push_back(fmt::format("[PAD{}]", id));
      continue;
    }
    const std::string text(tokenizer.token_text(static_cast<TokenId>(id)));
    tokens.push_back(word_pieces && types[id] != kControl ? stored_word_piece(text) : text);
  }
  return tokens;
}

// The keys that say which special tokens a text is put between; the sentence for what they cannot say.
std::string add_surroundings(const TextSurroundings& wanted, const GgufVocabularyForm& form, int32_t bos_id,
                             int32_t eos_id, GgufPairs& pairs) {
  const auto id_of = [&](const char* key, TokenId id) {
    pairs.emplace_back(std::string("tokenizer.ggml.") + key, static_cast<uint32_t>(id));
  };
  if (form.unknown) id_of("unknown_token_id", *form.unknown);
  if (bos_id < 0 && wanted.before.size() == 1) id_of("bos_token_id", bos_id = wanted.before[0]);
  if (form.word_pieces) {  // the end of a text is a separator
    if (wanted.after.size() == 1) id_of("seperator_token_id", eos_id = wanted.after[0]);
  } else if (eos_id < 0 && wanted.after.size() == 1) {
    id_of("eos_token_id", eos_id = wanted.after[0]);
  }
  const bool bos = wanted.before == std::vector<TokenId>{bos_id}, eos = wanted.after == std::vector<TokenId>{eos_id};
  pairs.emplace_back("tokenizer.ggml.add_bos_token", bos);
  pairs.emplace_back(form.word_pieces ? "tokenizer.ggml.add_sep_token" : "tokenizer.ggml.add_eos_token", eos);
  const bool said = (bos || wanted.before.empty()) && (eos || wanted.after.empty()) &&
                    (!form.word_pieces || (bos && eos));  // llama.cpp always puts BERT's two
  return said ? "" : "llama.cpp will not put around a text what this tokenizer does";
}

}  // namespace

TextSurroundings text_surroundings(const Tokenizer& tokenizer) {
  const auto plain = tokenizer.encode("a", false), whole = tokenizer.encode("a", true);
  const auto text = std::search(whole.begin(), whole.end(), plain.begin(), plain.end());
  if (text == whole.end()) return {};
  return {{whole.begin(), text}, {text + static_cast<ptrdiff_t>(plain.size()), whole.end()}};
}

GgufVocabulary gguf_vocabulary(const ModelFiles& files, const Tokenizer& tokenizer, int rows, int32_t bos_id,
                               int32_t eos_id) {
  const std::string where = files.where + "/tokenizer.json";
  const Json json = parse_json(files.tokenizer_json, where);
  if (tokenizer.size() > rows)
    throw error(ErrorKind::kCorrupt, "{}: {} tokens, but the model has {} rows for them", where, tokenizer.size(),
                rows);
  GgufVocabulary vocabulary;
  GgufPairs& pairs = vocabulary.pairs;
  if (const auto form = find_vocabulary_form(JsonPart::checked(json, where), rows)) {
    pairs = form->pairs;
    std::vector<int32_t> types = types_of(json, tokenizer, static_cast<size_t>(rows), *form);
    pairs.emplace_back("tokenizer.ggml.tokens", stored_tokens(tokenizer, types, form->word_pieces));
    pairs.emplace_back("tokenizer.ggml.token_type", std::move(types));
    if (!form->scores.empty()) pairs.emplace_back("tokenizer.ggml.scores", form->scores);
    vocabulary.note = add_surroundings(text_surroundings(tokenizer), *form, bos_id, eos_id, pairs);
    if (vocabulary.note.empty()) vocabulary.note = form->note;
  } else {
    pairs.emplace_back("tokenizer.ggml.model", std::string("none"));
    vocabulary.note = "llama.cpp has no name for this tokenizer: it opens the file, but takes and gives ids only";
  }
  pairs.emplace_back("tokenizer.huggingface.json", files.tokenizer_json);
  if (!files.chat_template.empty()) pairs.emplace_back("tokenizer.chat_template", files.chat_template);
  return vocabulary;
}

}  // namespace pent
