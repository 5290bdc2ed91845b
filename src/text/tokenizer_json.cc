// Reads Hugging Face's tokenizer.json: byte-level BPE and the parts around it. What we cannot do is refused by its name.
#include <array>
#include <utility>

#include "text/bpe_tokenizer.h"
#include "text/json_field.h"

namespace pent {
namespace {

constexpr int64_t kMaxTokenId = (int64_t{1} << 31) - 1;

TokenId to_token_id(const Json& value, const std::string& where) {
  if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() > kMaxTokenId) {
    throw error(ErrorKind::kCorrupt, "{}: {} is not a token id", where, printable(to_json_line(value), 60));
  }
  return static_cast<TokenId>(value.get<int64_t>());
}

TokenIndex parse_vocabulary(const JsonPart& model) {
  const JsonPart vocab = model.part("vocab");
  TokenIndex vocabulary;
  vocabulary.reserve(vocab.object.size());
  for (const auto& [token, id] : vocab.object.items()) {
    vocabulary.emplace(token, to_token_id(id, vocab.where + "." + printable(token, 60)));
  }
  return vocabulary;
}

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

Bpe parse_bpe(const JsonPart& model) {
  // Old files name no type: what has merges is BPE.
  const std::string type =
      get_string(model.object, "type", model.where).value_or(model.object.contains("merges") ? "BPE" : "");
  if (type != "BPE") {
    throw error(ErrorKind::kUnsupported, "{}: model '{}' is not supported, only BPE is", model.where,
                printable(type, 60));
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!get_string(model.object, key, model.where).value_or("").empty()) {
      throw error(ErrorKind::kUnsupported, "{}: BPE with {} is not supported", model.where, key);
    }
  }
  if (get_number(model.object, "dropout", model.where).value_or(0) != 0) {
    throw error(ErrorKind::kUnsupported, "{}: BPE with dropout is not supported", model.where);
  }
  TokenIndex vocabulary = parse_vocabulary(model);
  BpeOptions options{.ignore_merges = model.flag("ignore_merges", false),
                     .byte_fallback = model.flag("byte_fallback", false),
                     .fuse_unk = model.flag("fuse_unk", false),
                     .unk = {}};
  if (const auto unk = get_string(model.object, "unk_token", model.where)) {
    const auto found = vocabulary.find(*unk);
    if (found == vocabulary.end())
      throw error(ErrorKind::kCorrupt, "{}.unk_token: '{}' is not in vocab", model.where, printable(*unk, 60));
    options.unk = found->second;
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  const std::string where = model.where + ".merges";
  for (const Json& merge : required_array(model, "merges")) pairs.push_back(parse_merge(merge, where, pairs.size()));
  const std::vector<Bpe::Merge> merges = resolve_merges(pairs, vocabulary, where);
  return {std::move(vocabulary), merges, options};
}

std::vector<AddedToken> parse_added_tokens(const JsonPart& root) {
  std::vector<AddedToken> tokens;
  if (root["added_tokens"].is_null()) return tokens;
  for (const Json& member : required_array(root, "added_tokens")) {
    const JsonPart part = JsonPart::checked(member, fmt::format("{}.added_tokens[{}]", root.where, tokens.size()));
    AddedToken token;
    token.id = to_token_id(part["id"], part.where + ".id");
    token.content = get_required_string(member, "content", part.where);
    token.single_word = part.flag("single_word", false);
    token.lstrip = part.flag("lstrip", false);
    token.rstrip = part.flag("rstrip", false);
    token.special = part.flag("special", false);
    token.normalized = part.flag("normalized", !token.special);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// {"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], "special_tokens": {"<s>": {"ids": [1]}}}
void parse_template(const JsonPart& part, TokenizerParts& parts) {
  bool after_text = false;
  for (const Json& item : required_array(part, "single")) {
    const JsonPart piece = JsonPart::checked(item, part.where + ".single");
    if (piece.object.contains("Sequence")) {
      if (after_text)
        throw error(ErrorKind::kUnsupported, "{}: a template that repeats the text is not supported", piece.where);
      after_text = true;
      continue;
    }
    const JsonPart special = piece.part("SpecialToken");
    const std::string name = get_required_string(special.object, "id", special.where);
    const JsonPart entry = part.part("special_tokens").part(name.c_str());
    for (const Json& id : required_array(entry, "ids")) {
      (after_text ? parts.suffix : parts.prefix).push_back(to_token_id(id, entry.where + ".ids"));
    }
  }
  if (!after_text) throw error(ErrorKind::kCorrupt, "{}.single: the text itself is missing", part.where);
}

void parse_post_processor(const Json& value, const std::string& where, TokenizerParts& parts) {
  if (value.is_null()) return;
  const JsonPart part = JsonPart::checked(value, where);
  const std::string type = part.type();
  if (type == "ByteLevel") return;  // changes offsets only
  if (type == "Sequence") {
    for (const Json& member : required_array(part, "processors"))
      parse_post_processor(member, where + ".processors", parts);
  } else if (type == "TemplateProcessing" && parts.prefix.empty() && parts.suffix.empty()) {
    parse_template(part, parts);
  } else {
    throw error(ErrorKind::kUnsupported, "{}: post-processor '{}' is not supported", where, printable(type, 60));
  }
}

void check_decoder(const Json& value, const std::string& where) {
  if (value.is_null()) throw error(ErrorKind::kUnsupported, "{}: none, but only ByteLevel is supported", where);
  const JsonPart part = JsonPart::checked(value, where);
  if (const std::string type = part.type(); type != "ByteLevel") {
    throw error(ErrorKind::kUnsupported, "{}: decoder '{}' is not supported, only ByteLevel is", where,
                printable(type, 60));
  }
}

}  // namespace

std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view json, const std::string& where) {
  const Json document = parse_json(json, where, 128, DuplicateKeys::kRefuse);
  const JsonPart root = JsonPart::checked(document, where);
  TokenizerParts parts;
  parts.where = where;
  parts.normalizer = parse_normalizer(root["normalizer"], where + ": normalizer");
  parts.pre_tokenizer = parse_pre_tokenizer(root["pre_tokenizer"], where + ": pre_tokenizer");
  parts.bpe = parse_bpe(JsonPart::checked(root["model"], where + ": model"));
  parts.added_tokens = parse_added_tokens(root);
  parse_post_processor(root["post_processor"], where + ": post_processor", parts);
  check_decoder(root["decoder"], where + ": decoder");
  return make_bpe_tokenizer(std::move(parts));
}

}  // namespace pent
