// Replace and Metaspace (docs/formats.md, tokenizer.json).
#include "text/shared_parts.h"

#include "text/regex.h"
#include "text/utf8.h"

namespace pent {
namespace {

constexpr size_t kMaxContentBytes = 256;

}  // namespace

std::string replace_all(std::string_view text, std::string_view pattern, std::string_view content) {
  std::string out;
  size_t at = 0;
  for (size_t hit; (hit = text.find(pattern, at)) != std::string_view::npos; at = hit + pattern.size()) {
    out.append(text, at, hit - at).append(content);
  }
  return out.append(text, at);
}

std::string parse_content(const JsonPart& part, const char* key) {
  std::string content = get_required_string(part.object, key, part.where);
  if (content.size() > kMaxContentBytes) {
    throw error(ErrorKind::kCorrupt, "{}.{}: {} bytes; at most {} are expected", part.where, key, content.size(),
                kMaxContentBytes);
  }
  return content;
}

Replacement parse_replacement(const JsonPart& part) {
  const JsonPart pattern = part.part("pattern");
  const std::string content = parse_content(part, "content");
  if (const auto literal = get_string(pattern.object, "String", pattern.where)) {
    if (literal->empty()) throw error(ErrorKind::kCorrupt, "{}.String: must not be empty", pattern.where);
    return [literal = *literal, content](const std::string& text) { return replace_all(text, literal, content); };
  }
  const Regex regex(get_required_string(pattern.object, "Regex", pattern.where), pattern.where);
  return [regex, content](const std::string& text) { return regex.replace(text, content); };
}

// Old files say add_prefix_space where newer ones name a scheme.
MetaspaceOptions parse_metaspace(const JsonPart& part) {
  MetaspaceOptions options;
  options.replacement = get_string(part.object, "replacement", part.where).value_or(options.replacement);
  if (options.replacement.empty() || decode_utf8(options.replacement, 0).length != options.replacement.size()) {
    throw error(ErrorKind::kCorrupt, "{}.replacement: '{}' is not one character", part.where,
                printable(options.replacement, 60));
  }
  const std::string scheme = get_string(part.object, "prepend_scheme", part.where)
                                 .value_or(part.flag("add_prefix_space", true) ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    throw error(ErrorKind::kCorrupt, "{}.prepend_scheme: '{}' is none of always, first, never", part.where,
                printable(scheme, 60));
  }
  using Prepend = MetaspaceOptions::Prepend;
  options.prepend = scheme == "always" ? Prepend::kAlways : scheme == "first" ? Prepend::kFirst : Prepend::kNever;
  options.split = part.flag("split", true);
  return options;
}

}  // namespace pent
