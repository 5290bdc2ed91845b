// The most probable text of a language for cells that are decided at once: DINGO's dynamic programme (arXiv:2505.23061; spec 20 §19.2).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sample/constraint/token_automaton.h"

namespace pent {

struct CellChoices {
  int32_t token = -1;                        // decided; or
  std::span<const float> log_probabilities;  // of each token (-infinity: none); empty: the cell stays undecided
};

// A token for each cell, -1 where it stays undecided: of all choices that leave a text of the language the one with the largest sum of
// log-probabilities. Ties: the lower state, the lower token. Empty where there is none.
std::vector<int32_t> most_probable_text(const TokenAutomaton& language, std::span<const CellChoices> cells);

}  // namespace pent
