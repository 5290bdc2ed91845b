// The hole syntax of `pent fill`.
#include "engine/fill_template.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"

namespace pent {
namespace {

bool begins_with_name(std::string_view inside, size_t colon) {
  const std::string_view name = inside.substr(0, colon);
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && name != "regex" && name != "choice" && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
}

std::vector<std::string> split_choices(std::string_view text) {
  std::vector<std::string> choices;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('|', at), text.size());
    choices.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return choices;
}

// Whether text runs to its last bracket, of however many.
bool has_text(std::string_view kind) {
  return kind.starts_with("regex:") || kind.starts_with("choice:") || kind.starts_with('~');
}

std::optional<int> parse_tokens(std::string_view digits) {
  int tokens = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), tokens);
  const bool whole = problem == std::errc() && end == digits.data() + digits.size();
  return whole && tokens >= 1 && tokens <= kMaxHoleTokens ? std::optional(tokens) : std::nullopt;
}

// Without a name before it; false where it is none of the kinds.
bool parse_kind(std::string_view kind, Hole& hole) {
  if (kind.starts_with("regex:")) {
    hole.constraint = Constraint{.kind = Constraint::Kind::kRegex, .text = std::string(kind.substr(6))};
  } else if (kind.starts_with("choice:")) {
    hole.constraint = Constraint{.kind = Constraint::Kind::kChoice, .choices = split_choices(kind.substr(7))};
  } else if (kind.starts_with('~')) {
    hole.draft = kind.substr(1);
  } else if (kind == "*") {
    hole.min_tokens = 1, hole.max_tokens = kFreeHoleTokens;
  } else {
    const size_t dots = kind.find("..");
    const auto least = parse_tokens(kind.substr(0, dots));
    const auto most = dots == kind.npos ? least : parse_tokens(kind.substr(dots + 2));
    if (!least || !most || *least > *most) return false;
    hole.min_tokens = *least, hole.max_tokens = *most;
  }
  return true;
}

// What stands between [[ and ]], at byte `position` of the template.
Hole parse_hole(std::string_view inside, size_t position) {
  Hole hole;
  std::string_view kind = inside;
  if (const size_t colon = inside.find(':'); colon != inside.npos && begins_with_name(inside, colon)) {
    hole.name = inside.substr(0, colon);
    kind = inside.substr(colon + 1);
  }
  if (kind == "~" || kind == "regex:" || kind == "choice:")
    throw error(ErrorKind::kInvalidArgument, "[[{}]] at byte {} says nothing behind its sign", printable(inside),
                position);
  if (!parse_kind(kind, hole))
    throw error(ErrorKind::kInvalidArgument,
                "[[{}]] at byte {} is no hole; expected [[N]], [[MIN..MAX]] with numbers from 1 to {}, [[*]], "
                "[[regex:…]], [[choice:a|b]] or [[~old text]], each with or without a name, [[name:N]] (write \\[[ for "
                "the text [[)",
                printable(inside), position, kMaxHoleTokens);
  return hole;
}

}  // namespace

std::vector<Segment> parse_fill_template(std::string_view text) {
  std::vector<Segment> segments;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) segments.push_back({.text = std::move(literal), .hole = {}});
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
      const std::string_view inside = rest.substr(2, end - 2);
      const size_t colon = inside.find(':');
      const bool named = colon != inside.npos && begins_with_name(inside, colon);
      size_t behind = end + 2;
      if (has_text(named ? inside.substr(colon + 1) : inside))
        behind = std::min(rest.find_first_not_of(']', end), rest.size());
      end_literal();
      segments.push_back({.text = {}, .hole = parse_hole(rest.substr(2, behind - 4), position)});
      position += behind;
    } else {
      literal += text[position++];
    }
  }
  end_literal();
  check_canvas(segments);
  return segments;
}

}  // namespace pent
