// Word models as Hugging Face's tokenizers write them (docs/formats.md, tokenizer.json).
#include "text/word_model_json.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "text/unigram.h"
#include "text/word_piece.h"

namespace pent {
namespace {

constexpr int64_t kMaxTokenId = (int64_t{1} << 31) - 1;
constexpr int64_t kMaxWordCharacters = 1000;  // the search of WordPiece is quadratic in it

// "a b", or ["a", "b"].
std::pair<std::string, std::string> parse_merge(const Json& value, const std::string& where, size_t rank) {
  if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string()) {
    return {value[0].get<std::string>(), value[1].get<std::string>()};
  }
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space != std::string::npos) return {text.substr(0, space), text.substr(space + 1)};
  }
  throw error(ErrorKind::kCorrupt, "{}[{}]: {} is not a pair of tokens", where, rank,
              printable(to_json_line(value), 60));
}

TokenId find_unk(const JsonPart& model, const std::string& unk, const TokenIndex& vocabulary) {
  const auto found = vocabulary.find(unk);
  if (found == vocabulary.end())
    throw error(ErrorKind::kCorrupt, "{}.unk_token: '{}' is not in vocab", model.where, printable(unk, 60));
  return found->second;
}

std::unique_ptr<const WordModel> parse_bpe(const JsonPart& model) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!get_string(model.object, key, model.where).value_or("").empty()) {
      throw error(ErrorKind::kUnsupported, "{}: BPE with {} is not supported", model.where, key);
    }
  }
  if (get_number(model.object, "dropout", model.where).value_or(0) != 0) {
    throw error(ErrorKind::kUnsupported, "{}: BPE with dropout is not supported", model.where);
  }
  TokenIndex vocabulary = parse_vocabulary(model.part("vocab"));
  BpeOptions options{.ignore_merges = model.flag("ignore_merges", false),
                     .byte_fallback = model.flag("byte_fallback", false),
                     .fuse_unk = model.flag("fuse_unk", false),
                     .unk = {}};
  if (const auto unk = get_string(model.object, "unk_token", model.where))
    options.unk = find_unk(model, *unk, vocabulary);
  const std::vector<Bpe::Merge> merges = parse_merges(model, vocabulary);
  return std::make_unique<Bpe>(std::move(vocabulary), merges, options);
}

// {"vocab": [["<unk>", 0.0], ["▁the", -3.5], …], "unk_id": 0}
std::unique_ptr<const WordModel> parse_unigram(const JsonPart& model) {
  TokenIndex vocabulary;
  std::vector<double> scores;
  const Json& pieces = required_array(model, "vocab");
  vocabulary.reserve(pieces.size());
  scores.reserve(pieces.size());
  for (const Json& piece : pieces) {
    const std::string where = fmt::format("{}.vocab[{}]", model.where, scores.size());
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number() ||
        !std::isfinite(piece[1].get<double>())) {
      throw error(ErrorKind::kCorrupt, "{}: {} is not a piece and its score", where,
                  printable(to_json_line(piece), 60));
    }
    const auto& text = piece[0].get_ref<const std::string&>();
    const auto [known, is_new] = vocabulary.emplace(text, static_cast<TokenId>(scores.size()));
    if (!is_new)
      throw error(ErrorKind::kCorrupt, "{}: '{}' is token {} already", where, printable(text, 60), known->second);
    scores.push_back(piece[1].get<double>());
  }
  const auto unk = get_int(model.object, "unk_id", model.where);
  if (!unk) throw error(ErrorKind::kUnsupported, "{}: Unigram without unk_id is not supported", model.where);
  if (*unk < 0 || static_cast<uint64_t>(*unk) >= scores.size())
    throw error(ErrorKind::kCorrupt, "{}.unk_id: {} of {} pieces", model.where, *unk, scores.size());
  const UnigramOptions options{.unk = static_cast<TokenId>(*unk), .byte_fallback = model.flag("byte_fallback", false)};
  return std::make_unique<Unigram>(std::move(vocabulary), std::move(scores), options);
}

std::unique_ptr<const WordModel> parse_word_piece(const JsonPart& model) {
  TokenIndex vocabulary = parse_vocabulary(model.part("vocab"));
  WordPieceOptions options;
  options.unk = find_unk(model, get_string(model.object, "unk_token", model.where).value_or("[UNK]"), vocabulary);
  options.continuing_subword_prefix =
      get_string(model.object, "continuing_subword_prefix", model.where).value_or(options.continuing_subword_prefix);
  const int64_t longest = get_int(model.object, "max_input_chars_per_word", model.where).value_or(100);
  if (longest < 1 || longest > kMaxWordCharacters) {
    throw error(ErrorKind::kCorrupt, "{}.max_input_chars_per_word: {}; expected 1 to {}", model.where, longest,
                kMaxWordCharacters);
  }
  options.max_input_chars_per_word = static_cast<size_t>(longest);
  return std::make_unique<WordPiece>(std::move(vocabulary), std::move(options));
}

// Old files name no type: what has merges is BPE, a list of pieces Unigram, the rest WordPiece.
std::string type_of(const JsonPart& model) {
  if (const auto type = get_string(model.object, "type", model.where)) return *type;
  if (model["merges"].is_array()) return "BPE";
  if (model["vocab"].is_array()) return "Unigram";
  return model["continuing_subword_prefix"].is_string() ? "WordPiece" : "";
}

}  // namespace

TokenId parse_token_id(const Json& value, const std::string& where) {
  if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() > kMaxTokenId) {
    throw error(ErrorKind::kCorrupt, "{}: {} is not a token id", where, printable(to_json_line(value), 60));
  }
  return static_cast<TokenId>(value.get<int64_t>());
}

TokenIndex parse_vocabulary(const JsonPart& vocab) {
  TokenIndex vocabulary;
  vocabulary.reserve(vocab.object.size());
  for (const auto& [token, id] : vocab.object.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > kMaxTokenId)
      parse_token_id(id, vocab.where + "." + printable(token, 60));
    vocabulary.emplace(token, static_cast<TokenId>(id.get<int64_t>()));
  }
  return vocabulary;
}

std::vector<Bpe::Merge> parse_merges(const JsonPart& model, const TokenIndex& vocabulary) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const std::string where = model.where + ".merges";
  for (const Json& merge : required_array(model, "merges")) pairs.push_back(parse_merge(merge, where, pairs.size()));
  return resolve_merges(pairs, vocabulary, where);
}

std::unique_ptr<const WordModel> parse_word_model(const JsonPart& model) {
  const std::string type = type_of(model);
  if (type == "BPE") return parse_bpe(model);
  if (type == "Unigram") return parse_unigram(model);
  if (type == "WordPiece") return parse_word_piece(model);
  throw error(ErrorKind::kUnsupported, "{}: model '{}' is not supported, only BPE, Unigram and WordPiece are",
              model.where, printable(type, 60));
}

}  // namespace pent
