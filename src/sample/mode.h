// Modes: the ways in which one model can write, by the attention masks it answers under.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/spec.h"

namespace pent {

enum class Mode {
  kAr,         // token after token, causal attention
  kDiffusion,  // a canvas of masked cells
  kSpeculative,  // kAr's text, several tokens a forward: drafted in one forward by the mask of kDiffusion, verified in one by kAr's
};
std::string_view to_string(Mode mode);  // "ar", "diffusion", "speculative"

// Whether the row of a token, seeing what stands before it alone, predicts the token behind it: of autoregressive models, and of
// diffusion models whose logits are shifted, for they were made of such. Where the row of a mask predicts the mask's own cell
// (LLaDA, SDAR, MDLM, …), a causal forward over a text verifies nothing.
bool predicts_next(const ModelSpec& spec);

// What training made of the model: kDiffusion where it has a mask token, else kAr.
Mode own_mode(const ModelSpec& spec);

// All that it can write in, its own first. A model that predicts_next() drafts behind its causal rows: with its mask token where
// it has one, else with a token that was never trained as one, and hardly anything is accepted. DiffusionGemma's encoder writes
// token after token and has no mask to draft with.
std::vector<Mode> modes_of(const ModelSpec& spec);

// "auto" and none at all are own_mode(): two modes that write the same text may stand in for each other (engine/mode_planner.h), others
// may not. Throws kInvalidArgument when there is no such mode, or the model has not got it, saying why.
Mode resolve_mode(const std::optional<std::string>& mode, const ModelSpec& spec);

// What stands in for a mask token: that token, else padding, the end token, or token 0.
int32_t draft_token(const ModelSpec& spec);

}  // namespace pent
