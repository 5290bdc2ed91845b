// Best of N: an answer is written N times with other random numbers, and the one that the model itself finds likeliest is kept
// (`best_of` of OpenAI's completions). The model judges its own work: what it does not know, it does not miss.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "sample/decode.h"
#include "sample/options.h"
#include "sample/sampler.h"

namespace pent {

// The n_index of a candidate for answer `n_index`: candidates of one request never share random numbers.
inline uint32_t candidate_index(const GenerationOptions& options, uint32_t n_index, int candidate) {
  return n_index * static_cast<uint32_t>(options.best_of) + static_cast<uint32_t>(candidate);
}

// Mean log-probability, in nats, of the first `count` tokens that were written, each as it was when it was committed: by the
// chain rule along the order of decoding, an exact likelihood where one cell is committed per forward, and the product of
// marginals where several are. -infinity if nothing was written.
double mean_log_probability(const Canvas& canvas, size_t count);

// The likeliest of the candidates (at least one) that came to their end; if none did, of all. Ties: the first.
struct Choice {
  size_t index = 0;
  DecodeOutcome outcome;  // its own, but nfe and seconds are everyone's, and "cancelled" if any of them was
};
Choice choose_likeliest(std::span<const std::unique_ptr<Sampler>> candidates, std::span<const DecodeOutcome> outcomes);

}  // namespace pent
