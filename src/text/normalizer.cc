// Normalizers as Hugging Face's tokenizers run them (docs/formats.md, tokenizer.json).
#include "text/normalizer.h"

#include "text/json_field.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace pent {
namespace {

using Step = std::function<std::string(std::string)>;

std::string replace_all(const std::string& text, const std::string& pattern, const std::string& content) {
  std::string out;
  size_t at = 0;
  for (size_t hit; (hit = text.find(pattern, at)) != std::string::npos; at = hit + pattern.size()) {
    out.append(text, at, hit - at).append(content);
  }
  return out.append(text, at);
}

Step parse_replace(const JsonPart& part) {
  const JsonPart pattern = part.part("pattern");
  const std::string content = get_required_string(part.object, "content", part.where);
  if (const auto literal = get_string(pattern.object, "String", pattern.where)) {
    if (literal->empty()) throw error(ErrorKind::kCorrupt, "{}.String: must not be empty", pattern.where);
    return [literal = *literal, content](std::string text) { return replace_all(text, literal, content); };
  }
  const Regex regex(get_required_string(pattern.object, "Regex", pattern.where), pattern.where);
  return [regex, content](std::string text) {
    std::string out;
    size_t at = 0;
    regex.find_all(text, [&](size_t begin, size_t end) {
      out.append(text, at, begin - at).append(content);
      at = end;
    });
    return out.append(text, at);
  };
}

void add_steps(const Json& value, const std::string& where, Normalizer& normalizer) {
  if (value.is_null()) return;
  const JsonPart part = JsonPart::checked(value, where);
  const std::string type = part.type();
  const auto normal_form = [&](NormalForm form) {
    normalizer.steps.push_back([form](const std::string& text) { return normalize(text, form); });
  };
  if (type == "NFC") {
    normal_form(NormalForm::kNfc);
  } else if (type == "NFD") {
    normal_form(NormalForm::kNfd);
  } else if (type == "NFKC") {
    normal_form(NormalForm::kNfkc);
  } else if (type == "NFKD") {
    normal_form(NormalForm::kNfkd);
  } else if (type == "Lowercase") {
    normalizer.steps.push_back([](const std::string& text) { return lowercase(text); });
  } else if (type == "Replace") {
    normalizer.steps.push_back(parse_replace(part));
  } else if (type == "Prepend") {
    normalizer.steps.push_back([prefix = get_required_string(part.object, "prepend", where)](std::string text) {
      return text.empty() ? text : prefix + text;
    });
  } else if (type == "Sequence") {
    for (const Json& member : required_array(part, "normalizers"))
      add_steps(member, where + ".normalizers", normalizer);
  } else {
    throw error(ErrorKind::kUnsupported, "{}: normalizer '{}' is not supported", where, type);
  }
}

}  // namespace

Normalizer parse_normalizer(const Json& value, const std::string& where) {
  Normalizer normalizer;
  add_steps(value, where, normalizer);
  return normalizer;
}

}  // namespace pent
