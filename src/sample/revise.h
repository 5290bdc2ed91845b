// Which decided cells are opened or written again (sampler part "revise").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pent {

enum class RemaskKind {
  kNone,          // what is decided stays
  kEdit,          // LLaDA2.1: token-to-token editing in the active block, above a threshold of its own
  kPathPlanning,  // P2 as in Open-dCoder: every step keeps the most confident cells, decided or not
  kLevenshtein,   // LLaDA2.2 (sample/levenshtein.h): the same, and tokens that delete a cell or put a mask before it
  kRenoise,  // DiffusionGemma (sample/renoise.h): cells hold random tokens until they are sure, and every step decides anew
  kWino,        // WINO (arXiv:2507.18578): opened where a shadow of the block gives the token less than this
  kCap,         // ReMDM (arXiv:2503.00307) with sigma = min(eta, sigma_max)
  kRescale,     // ReMDM: sigma = eta sigma_max
  kConfidence,  // ReMDM: sigma_max shared out by softmax of minus the confidence when decided
  kLoop,        // ReMDM: MDLM, then a phase in which as many are opened as decided, then MDLM again
};

// `value`: the edit threshold (kEdit, kLevenshtein), WINO's, or ReMDM's eta; 0 for the others.
struct RemaskRule {
  RemaskKind kind = RemaskKind::kNone;
  double value = 0;

  bool is_remdm() const { return kind >= RemaskKind::kCap; }
  bool operator==(const RemaskRule&) const = default;
};
// "NAME" or "NAME:VALUE", with the paper's value where none is given. Throws kInvalidArgument naming --remask.
RemaskRule parse_remask(std::string_view text);
std::string to_string(const RemaskRule& rule);

// One time step of ReMDM's reverse process, alpha = 1 - t the share of decided cells (spec 20 §7): probabilities that a decided
// cell is opened and that a masked one is decided. kNone is MDLM: (0, (alpha_s - alpha_t) / (1 - alpha_t)). With kConfidence
// `open` is sigma_max, to be shared out by confidence_shares().
struct StepChances {
  double open = 0;    // sigma
  double reveal = 0;  // (alpha_s - (1 - sigma) alpha_t) / (1 - alpha_t)
};
// Times of the step: 1 >= t > s >= 0.
StepChances step_chances(const RemaskRule& rule, double t, double s);

// softmax of minus the confidences; empty for none.
std::vector<double> confidence_shares(std::span<const float> confidences);

// P2: of `scores` (one for each cell that is not fixed) which are masks after a step: the floor(n (1 - kappa)) lowest; ties go to
// the higher cell, so that of equals the lower is kept.
std::vector<bool> masked_by_path_planning(std::span<const double> scores, double kappa);

}  // namespace pent
