// How far packed weights and quantised activations move a model from its own float32 (`--precise`): the measure of llama.cpp's
// `llama-perplexity --kl-divergence`, over the same rows.
#pragma once

#include <cstdint>
#include <span>

#include "model/denoiser.h"

namespace pent {

struct Accuracy {
  int windows = 0;
  int64_t rows = 0;       // compared
  double kl = 0;          // mean over rows of KL(precise || packed) of the distributions over the vocabulary, nats
  double kl_error = 0;    // its standard error
  double same_best = 0;   // share of rows whose most probable token is the same
  double perplexity = 0;  // of the packed model, on the rows' true tokens
  double precise_perplexity = 0;
};

// `packed` and `precise` are the same model. tokens: a text. Up to `windows` windows of `window` tokens, spread evenly over
// the text; the rows of each window's second half count, so that all have some context. A next-token model predicts the
// token after each row; a diffusion model sees that half masked and predicts it.
// Throws kInvalidArgument if the text is shorter than one window, or the window than 4 tokens or longer than the context.
Accuracy compare_with_precise(Denoiser& packed, Denoiser& precise, std::span<const int32_t> tokens, int window,
                              int windows);

}  // namespace pent
