// Strings, numbers, arrays and any value.
#include "text/grammar/json_text.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "text/utf8.h"

namespace pent::grammar {
namespace {

const CodeSet kControls{{0, 0x1F}};
const CodeSet kMustBeEscaped{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
const CodeSet kDigit{{'0', '9'}};

Expr hex(std::initializer_list<CodeRange> lower, int count) {
  CodeSet digits(lower);
  for (const CodeRange& range : lower)
    if (range.first >= 'a') digits.add(range.first - 32, range.last - 32);
  return repeat(character(digits), count, count);
}

Expr any_hex(int count) { return hex({{'0', '9'}, {'a', 'f'}}, count); }

// One character of a string.
Expr string_character() {
  const Expr not_surrogate = choice({sequence({hex({{'0', '9'}, {'a', 'c'}, {'e', 'f'}}, 1), any_hex(3)}),
                                     sequence({hex({{'d', 'd'}}, 1), hex({{'0', '7'}}, 1), any_hex(2)})});
  return choice({character(kMustBeEscaped.complement()),
                 sequence({literal("\\"), choice({character({{'"', '"'},
                                                             {'/', '/'},
                                                             {'\\', '\\'},
                                                             {'b', 'b'},
                                                             {'f', 'f'},
                                                             {'n', 'n'},
                                                             {'r', 'r'},
                                                             {'t', 't'}}),
                                                  sequence({literal("u"), not_surrogate})})})});
}

// A character of a set as it stands in a string.
Expr escaped_character(const CodeSet& set) {
  std::vector<Expr> items;
  if (const CodeSet plain = set.without(kMustBeEscaped); !plain.empty()) items.push_back(character(plain));
  constexpr std::pair<uint32_t, const char*> kShort[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"}, {'\f', "\\f"},
                                                         {'\n', "\\n"}, {'\r', "\\r"},  {'\t', "\\t"}};
  for (const auto& [code, text] : kShort)
    if (set.contains(code)) items.push_back(literal(text));
  if (!items.empty()) return choice(std::move(items));  // the other control characters are left out
  for (const CodeRange& range : set.ranges())
    for (uint32_t code = range.first; code <= range.last; ++code)
      items.push_back(literal(fmt::format("\\u{:04x}", code)));
  return choice(std::move(items));
}

Expr escaped(const Expr& content) {
  switch (content->kind) {
    case Expression::Kind::kCharacter: return escaped_character(content->set);
    case Expression::Kind::kLiteral: {
      std::vector<Expr> items;
      for (size_t at = 0; at < content->text.size();) {
        const DecodedChar decoded = decode_utf8(content->text, at);
        items.push_back(escaped_character({{decoded.code, decoded.code}}));
        at += decoded.length;
      }
      return sequence(std::move(items));
    }
    case Expression::Kind::kRule: PENT_CHECK(false, "a rule inside a string"); break;
    default: break;
  }
  Expression made{.kind = content->kind, .min = content->min, .max = content->max};
  for (const Expr& item : content->items) made.items.push_back(escaped(item));
  return std::make_shared<const Expression>(std::move(made));
}

Expr digits(size_t count) { return repeat(character(kDigit), static_cast<int>(count), static_cast<int>(count)); }

Expr digit_between(char first, char last) {
  return character(CodeSet{{static_cast<uint32_t>(first), static_cast<uint32_t>(last)}});
}

// Numbers of as many digits as `bound` has, from it on (or up to it), behind the first `at` digits.
Expr beyond(const std::string& bound, size_t at, bool upwards) {
  if (bound.find_first_not_of(upwards ? '0' : '9', at) == bound.npos) return digits(bound.size() - at);  // all of them
  const char digit = bound[at];
  std::vector<Expr> items{sequence({digit_between(digit, digit), beyond(bound, at + 1, upwards)})};
  if (upwards && digit < '9')
    items.push_back(sequence({digit_between(static_cast<char>(digit + 1), '9'), digits(bound.size() - at - 1)}));
  if (!upwards && digit > '0')
    items.push_back(sequence({digit_between('0', static_cast<char>(digit - 1)), digits(bound.size() - at - 1)}));
  return choice(std::move(items));
}

// Both of one length.
Expr same_length(const std::string& low, const std::string& high, size_t at) {
  if (at == low.size()) return literal("");
  const char first = low[at], last = high[at];
  if (first == last) return sequence({digit_between(first, first), same_length(low, high, at + 1)});
  std::vector<Expr> items{sequence({digit_between(first, first), beyond(low, at + 1, /*upwards=*/true)}),
                          sequence({digit_between(last, last), beyond(high, at + 1, /*upwards=*/false)})};
  if (last - first > 1)
    items.push_back(sequence(
        {digit_between(static_cast<char>(first + 1), static_cast<char>(last - 1)), digits(low.size() - at - 1)}));
  return choice(std::move(items));
}

// Digits without a sign; 0 <= low <= high.
Expr natural(int64_t low, int64_t high) {
  const std::string first = std::to_string(low), last = std::to_string(high);
  std::vector<Expr> items;
  for (size_t length = first.size(); length <= last.size(); ++length) {
    std::string smallest(length, '0');
    if (length > 1) smallest[0] = '1';
    items.push_back(same_length(length == first.size() ? first : smallest,
                                length == last.size() ? last : std::string(length, '9'), 0));
  }
  return choice(std::move(items));
}

}  // namespace

Expr json_string(int min_length, int max_length) {
  return sequence({literal("\""), repeat(string_character(), min_length, max_length), literal("\"")});
}

Expr json_string_of(const Expr& content) { return sequence({literal("\""), escaped(content), literal("\"")}); }

Expr json_integer(int64_t min, int64_t max) {
  std::vector<Expr> items;
  if (max >= 0) items.push_back(natural(std::max<int64_t>(min, 0), max));
  if (min < 0) items.push_back(sequence({literal("-"), natural(std::max<int64_t>(-max, 1), -min)}));
  return choice(std::move(items));
}

Expr json_number() {
  const Expr sign = optional(literal("-"));
  const Expr fraction = optional(sequence({literal("."), repeat(character(kDigit), 1, 16)}));
  const Expr exponent =
      optional(sequence({character({{'E', 'E'}, {'e', 'e'}}), optional(character({{'+', '+'}, {'-', '-'}})),
                         repeat(character(kDigit), 1, 2)}));
  return sequence({sign, natural(0, kMaxInteger), fraction, exponent});
}

Expr json_number(const NumberBounds& bounds) {
  constexpr double kLimit =
      1e9;  // of decimal numbers: with 6 places their doubles are still on the right side of a bound
  const auto most = static_cast<double>(kMaxInteger);
  const double low = std::max(bounds.min.value_or(-most), -most), high = std::min(bounds.max.value_or(most), most);
  double first = std::ceil(low), last = std::floor(high);
  if (bounds.min_excluded && first == low) ++first;
  if (bounds.max_excluded && last == high) --last;
  std::vector<Expr> items;
  if (first <= last) items.push_back(json_integer(static_cast<int64_t>(first), static_cast<int64_t>(last)));
  const Expr fraction = sequence({literal("."), repeat(character(kDigit), 1, 6)});
  // k.f lies in [k, k + 1), -k.f in (-k - 1, -k].
  const double up_from = std::max(first, 0.0), up_to = std::min(std::floor(high) - 1, kLimit);
  if (up_from <= up_to)
    items.push_back(sequence({natural(static_cast<int64_t>(up_from), static_cast<int64_t>(up_to)), fraction}));
  const double down_from = std::max(-last, 0.0), down_to = std::min(std::floor(-low) - 1, kLimit);
  if (down_from <= down_to)
    items.push_back(
        sequence({literal("-"), natural(static_cast<int64_t>(down_from), static_cast<int64_t>(down_to)), fraction}));
  return choice(std::move(items));
}

Expr json_separator(char c) { return sequence({literal(std::string(1, c)), optional(literal(" "))}); }

Expr json_array(const Expr& item, int min, int max) {
  const Expr open = literal("["), close = literal("]");
  if (max == 0) return literal("[]");
  const Expr more =
      repeat(sequence({json_separator(','), item}), std::max(min - 1, 0), max == kUnlimited ? max : max - 1);
  const Expr items = sequence({item, more});
  return sequence({open, min == 0 ? optional(items) : items, close});
}

Expr json_value(const Json& value) {
  if (!value.is_structured() || value.empty())
    return literal(value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace));
  std::vector<Expr> items{literal(value.is_array() ? "[" : "{")};
  for (auto each = value.begin(); each != value.end(); ++each) {
    if (each != value.begin()) items.push_back(json_separator(','));
    if (value.is_object()) {
      items.push_back(json_value(each.key()));
      items.push_back(json_separator(':'));
    }
    items.push_back(json_value(*each));
  }
  items.push_back(literal(value.is_array() ? "]" : "}"));
  return sequence(std::move(items));
}

int add_any_json(Grammar& grammar) {
  const int value = static_cast<int>(grammar.rules.size());
  const Expr reference = rule_reference(value);
  const Expr member = sequence({json_string(0, kUnlimited), json_separator(':'), reference});
  const Expr object = sequence(
      {literal("{"), optional(sequence({member, repeat(sequence({json_separator(','), member}), 0, kUnlimited)})),
       literal("}")});
  grammar.rules.push_back(
      {"any JSON value", choice({object, json_array(reference, 0, kUnlimited), json_string(0, kUnlimited),
                                 json_number(), literal("true"), literal("false"), literal("null")})});
  return value;
}

}  // namespace pent::grammar
