// The words of --select and --remask: NAME or NAME:VALUE, with the papers' values where none is given.
#include <array>
#include <charconv>

#include "base/error.h"
#include "sample/revise.h"
#include "sample/select.h"

namespace pent {
namespace {

// `usual`: the value when none is given; low == high: the rule takes none.
template <typename Kind>
struct Rule {
  Kind kind;
  std::string_view name;
  double usual, low, high;
};

constexpr std::array<Rule<SelectKind>, 8> kSelect = {{{SelectKind::kLinear, "linear", 0, 0, 0},
                                                      {SelectKind::kCosine, "cosine", 0, 0, 0},
                                                      {SelectKind::kTimeStep, "timestep", 0, 0, 0},
                                                      {SelectKind::kThreshold, "threshold", 0.9, 0, 1},
                                                      {SelectKind::kFactor, "factor", 1, 0, 1000},
                                                      {SelectKind::kEntropyBound, "entropy", 0.15, 0, 1000},
                                                      {SelectKind::kDynamic, "dynamic", 0.85, 0, 1},
                                                      {SelectKind::kAncestral, "ancestral", 0, 0, 0}}};

constexpr std::array<Rule<RemaskKind>, 10> kRemask = {{{RemaskKind::kNone, "none", 0, 0, 0},
                                                       {RemaskKind::kEdit, "edit", 0.9, 0, 1},
                                                       {RemaskKind::kPathPlanning, "p2", 0, 0, 0},
                                                       {RemaskKind::kLevenshtein, "levenshtein", 0, 0, 1},
                                                       {RemaskKind::kRenoise, "renoise", 0, 0, 0},
                                                       {RemaskKind::kWino, "wino", 0.9, 0, 1},
                                                       {RemaskKind::kCap, "remdm-cap", 0.008, 0, 1},
                                                       {RemaskKind::kRescale, "remdm-rescale", 0.015, 0, 1},
                                                       {RemaskKind::kConfidence, "remdm-conf", 0, 0, 0},
                                                       {RemaskKind::kLoop, "remdm-loop", 0.02, 0, 1}}};

template <typename Kind, size_t N>
std::string known_names(const std::array<Rule<Kind>, N>& rules) {
  std::string names;
  for (size_t i = 0; i < N; ++i) names += (i == 0 ? "" : i + 1 == N ? " or " : ", ") + std::string(rules[i].name);
  return names;
}

template <typename Kind, size_t N>
std::pair<Kind, double> parse(const std::array<Rule<Kind>, N>& rules, const char* option, std::string_view text) {
  const size_t colon = text.find(':');
  for (const Rule<Kind>& rule : rules) {
    if (rule.name != text.substr(0, colon)) continue;
    if (colon == std::string_view::npos) return {rule.kind, rule.usual};
    if (rule.low == rule.high)
      throw error(ErrorKind::kInvalidArgument, "{} is '{}'; {} takes no value", option, text, rule.name);
    const std::string_view digits = text.substr(colon + 1);
    double value = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (problem != std::errc() || end != digits.data() + digits.size() || !(value >= rule.low && value <= rule.high))
      throw error(ErrorKind::kInvalidArgument, "{} is '{}'; expected {}:VALUE with a value from {} to {}", option, text,
                  rule.name, rule.low, rule.high);
    return {rule.kind, value};
  }
  throw error(ErrorKind::kInvalidArgument, "{} is '{}'; expected {}, some with :VALUE", option, text,
              known_names(rules));
}

template <typename Kind, size_t N>
const Rule<Kind>& find(const std::array<Rule<Kind>, N>& rules, Kind kind) {
  for (const Rule<Kind>& rule : rules)
    if (rule.kind == kind) return rule;
  PENT_CHECK(false, "rule {}", static_cast<int>(kind));
}

template <typename Kind, size_t N>
std::string text_of(const std::array<Rule<Kind>, N>& rules, Kind kind, double value) {
  const Rule<Kind>& rule = find(rules, kind);
  return rule.low == rule.high ? std::string(rule.name) : fmt::format("{}:{}", rule.name, value);
}

}  // namespace

std::string_view to_string(SelectKind kind) { return find(kSelect, kind).name; }

bool SelectRule::by_steps() const {
  return kind != SelectKind::kThreshold && kind != SelectKind::kFactor && kind != SelectKind::kEntropyBound;
}

SelectRule parse_select(std::string_view text) {
  const auto [kind, value] = parse(kSelect, "--select", text);
  return {kind, value};
}

std::string to_string(const SelectRule& rule) { return text_of(kSelect, rule.kind, rule.value); }

RemaskRule parse_remask(std::string_view text) {
  const auto [kind, value] = parse(kRemask, "--remask", text);
  return {kind, value};
}

std::string to_string(const RemaskRule& rule) { return text_of(kRemask, rule.kind, rule.value); }

}  // namespace pent
