// The length of a hole by calibrated search (CAL, arXiv:2602.00476; spec 44 §1; sampler part "length").
//
// Before anything is decided, the model is surest of a hole that has as many masks as its text has tokens; but it is also surer of
// few masks than of many, whatever the text. So of each length L the confidence is divided by what it is without a text to fit.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace pent {

// Calibrated confidences of lengths, in one forward for all of them.
using LengthScores = std::function<std::vector<double>(std::span<const int> lengths)>;

// Of `lengths`, ascending and not empty: first the ends and those next to powers of two, then ever new neighbours of the best so far,
// until kPatience of them on either side are no better. Asks `scores` at most max_forwards times; with 0 the middle one. Ties: the
// shorter.
int search_length(std::span<const int> lengths, const LengthScores& scores, int max_forwards);
inline constexpr int kPatience = 4;

}  // namespace pent
