// The hole syntax of `pent fill`.
#include "engine/fill_template.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"

namespace pent {
namespace {

constexpr int kMaxHoleTokens = 1 << 20;

bool is_name(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && is_letter(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// "a|b" as a regular expression: every character but | for itself.
std::string pattern_of_choices(std::string_view choices) {
  std::string pattern;
  for (const char c : choices) {
    if (c != '|' && static_cast<unsigned char>(c) < 0x80 &&
        std::string_view("\\.[]{}()*+?^$").find(c) != std::string_view::npos)
      pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// [[regex:…]] and [[choice:…]], with a name before them or without; nothing if it is neither.
std::optional<FillSegment> parse_patterned_hole(std::string_view inside, size_t position) {
  FillSegment hole;
  std::string_view rest = inside;
  if (const size_t colon = inside.find(':'); colon != inside.npos) {
    const std::string_view behind = inside.substr(colon + 1);
    if ((behind.starts_with("regex:") || behind.starts_with("choice:")) && is_name(inside.substr(0, colon)) &&
        !inside.starts_with("regex:") && !inside.starts_with("choice:")) {
      hole.name = std::string(inside.substr(0, colon));
      rest = behind;
    }
  }
  if (rest.starts_with("regex:")) {
    hole.pattern = std::string(rest.substr(6));
  } else if (rest.starts_with("choice:")) {
    hole.pattern = pattern_of_choices(rest.substr(7));
  } else {
    return std::nullopt;
  }
  if (hole.pattern.empty())
    throw error(ErrorKind::kInvalidArgument, "[[{}]] at byte {} says nothing behind the colon", printable(inside),
                position);
  return hole;
}

// What stands between [[ and ]], at byte `position` of the template.
FillSegment parse_hole(std::string_view inside, size_t position) {
  if (auto patterned = parse_patterned_hole(inside, position)) return std::move(*patterned);
  FillSegment hole;
  std::string_view length = inside;
  if (const size_t colon = inside.find(':'); colon != inside.npos) {
    hole.name = std::string(inside.substr(0, colon));
    length = inside.substr(colon + 1);
  }
  const bool other_kind = inside.starts_with('~') || length == "*" || length.find("..") != length.npos;
  if (other_kind)
    throw error(ErrorKind::kUnsupported,
                "the hole [[{}]] at byte {} is of a kind this build cannot write; there are [[N]], N tokens long, "
                "[[regex:…]] and [[choice:…]], each with a name before it: [[name:N]]",
                inside, position);
  const auto [end, status] = std::from_chars(length.data(), length.data() + length.size(), hole.tokens);
  const bool is_number = status == std::errc() && end == length.data() + length.size();
  const bool has_colon = length.size() != inside.size();
  if (!is_number || hole.tokens < 1 || hole.tokens > kMaxHoleTokens || (has_colon && !is_name(hole.name)))
    throw error(
        ErrorKind::kInvalidArgument,
        "[[{}]] at byte {} is no hole; expected [[N]] or [[name:N]] with N from 1 to {} (write \\[[ for the text [[)",
        inside, position, kMaxHoleTokens);
  return hole;
}

void name_holes(std::vector<FillSegment>& segments) {
  std::vector<std::string_view> names;
  int holes = 0;
  for (FillSegment& segment : segments) {
    if (!segment.is_hole()) continue;
    ++holes;
    if (segment.name.empty()) segment.name = std::to_string(holes);
    if (std::find(names.begin(), names.end(), segment.name) != names.end())
      throw error(ErrorKind::kInvalidArgument, "two holes are named '{}'; give each its own name", segment.name);
    names.push_back(segment.name);
  }
  if (holes == 0)
    throw error(ErrorKind::kInvalidArgument, "the text has no hole; mark one with [[N]], N being its length in tokens");
}

}  // namespace

std::vector<FillSegment> parse_fill_template(std::string_view text) {
  std::vector<FillSegment> segments;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) segments.push_back({.text = std::move(literal)});
    literal.clear();
  };
  for (size_t position = 0; position < text.size();) {
    const std::string_view rest = text.substr(position);
    if (rest.starts_with("\\[[")) {
      literal += "[[";
      position += 3;
    } else if (rest.starts_with("[[")) {
      const size_t end = rest.find("]]");
      if (end == rest.npos)
        throw error(ErrorKind::kInvalidArgument, "the hole at byte {} has no ]] (write \\[[ for the text [[)",
                    position);
      size_t behind = end + 2;
      if (parse_patterned_hole(rest.substr(2, end - 2), position))
        behind = std::min(rest.find_first_not_of(']', end), rest.size());
      end_literal();
      segments.push_back(parse_hole(rest.substr(2, behind - 4), position));
      position += behind;
    } else {
      literal += text[position++];
    }
  }
  end_literal();
  name_holes(segments);
  return segments;
}

}  // namespace pent
