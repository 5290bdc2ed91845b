// Viterbi over the automaton's states; of the tokens that lead from one state to another only the most probable matters.
#include "sample/constraint/best_text.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace pent {
namespace {

constexpr double kNone = -std::numeric_limits<double>::infinity();

struct Step {
  double sum = kNone;
  int32_t from = -1, token = -1;
};

struct Best {
  double log_probability = kNone;
  int32_t token = -1;
};

// Of a set's tokens, once for each cell.
class BestOfSets {
 public:
  BestOfSets(const TokenAutomaton& language, std::span<const float> log_probabilities)
      : language_(language),
        values_(log_probabilities),
        known_(static_cast<size_t>(language.set_count())),
        best_(known_.size()) {}

  const Best& operator()(int32_t set) {
    const auto index = static_cast<size_t>(set);
    if (!known_[index]) {
      known_[index] = true;
      for (const int32_t token : language_.tokens(set))
        if (const double value = values_[static_cast<size_t>(token)]; value > best_[index].log_probability)
          best_[index] = {value, token};
    }
    return best_[index];
  }

 private:
  const TokenAutomaton& language_;
  std::span<const float> values_;
  std::vector<bool> known_;
  std::vector<Best> best_;
};

}  // namespace

std::vector<int32_t> most_probable_text(const TokenAutomaton& language, std::span<const CellChoices> cells) {
  const auto states = static_cast<size_t>(language.size());
  std::vector<std::vector<Step>> steps(cells.size() + 1, std::vector<Step>(states));
  steps[0][static_cast<size_t>(language.start())].sum = 0;
  for (size_t cell = 0; cell < cells.size(); ++cell) {
    const CellChoices& choices = cells[cell];
    BestOfSets best(language, choices.log_probabilities);
    const auto reach = [&](int32_t from, int32_t to, Best by) {
      Step& step = steps[cell + 1][static_cast<size_t>(to)];
      const double sum = steps[cell][static_cast<size_t>(from)].sum + by.log_probability;
      if (sum > step.sum) step = {sum, from, by.token};
    };
    for (int32_t from = 0; from < language.size(); ++from) {
      if (steps[cell][static_cast<size_t>(from)].sum == kNone) continue;
      if (choices.token >= 0) {
        if (const int32_t to = language.next(from, choices.token); to >= 0) reach(from, to, {0, choices.token});
        continue;
      }
      for (const TokenAutomaton::Edge& edge : language.edges(from))
        reach(from, edge.target, choices.log_probabilities.empty() ? Best{0, -1} : best(edge.tokens));
    }
  }
  int32_t at = -1;
  for (int32_t state = 0; state < language.size(); ++state)
    if (language.accepts(state) && steps.back()[static_cast<size_t>(state)].sum > kNone &&
        (at < 0 || steps.back()[static_cast<size_t>(state)].sum > steps.back()[static_cast<size_t>(at)].sum))
      at = state;
  std::vector<int32_t> tokens;
  if (at < 0) return tokens;
  tokens.resize(cells.size());
  for (size_t cell = cells.size(); cell-- > 0;) {
    const Step& step = steps[cell + 1][static_cast<size_t>(at)];
    tokens[cell] = step.token;
    at = step.from;
  }
  return tokens;
}

}  // namespace pent
