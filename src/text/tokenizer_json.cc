// Reads Hugging Face's tokenizer.json: the model and the parts around it. What we cannot do is refused by its name.
#include <utility>

#include "text/composed_tokenizer.h"
#include "text/json_field.h"
#include "text/word_model_json.h"

namespace pent {
namespace {

std::vector<AddedToken> parse_added_tokens(const JsonPart& root) {
  std::vector<AddedToken> tokens;
  if (root["added_tokens"].is_null()) return tokens;
  for (const Json& member : required_array(root, "added_tokens")) {
    const JsonPart part = JsonPart::checked(member, fmt::format("{}.added_tokens[{}]", root.where, tokens.size()));
    AddedToken token;
    token.id = parse_token_id(part["id"], part.where + ".id");
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
      (after_text ? parts.suffix : parts.prefix).push_back(parse_token_id(id, entry.where + ".ids"));
    }
  }
  if (!after_text) throw error(ErrorKind::kCorrupt, "{}.single: the text itself is missing", part.where);
}

// {"cls": ["[CLS]", 101], "sep": ["[SEP]", 102]}
void parse_cls_and_sep(const JsonPart& part, TokenizerParts& parts) {
  for (const char* key : {"cls", "sep"}) {
    const Json& pair = required_array(part, key);
    if (pair.size() != 2) throw error(ErrorKind::kCorrupt, "{}.{}: expected a token and its id", part.where, key);
    (key[0] == 'c' ? parts.prefix : parts.suffix).push_back(parse_token_id(pair[1], part.where + "." + key));
  }
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
  } else if ((type == "BertProcessing" || type == "RobertaProcessing") && parts.prefix.empty() &&
             parts.suffix.empty()) {
    parse_cls_and_sep(part, parts);
  } else {
    throw error(ErrorKind::kUnsupported, "{}: post-processor '{}' is not supported", where, printable(type, 60));
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
  parts.model = parse_word_model(JsonPart::checked(root["model"], where + ": model"));
  parts.added_tokens = parse_added_tokens(root);
  parse_post_processor(root["post_processor"], where + ": post_processor", parts);
  parts.decoder = parse_token_decoder(root["decoder"], where + ": decoder");
  return compose_tokenizer(std::move(parts));
}

}  // namespace pent
