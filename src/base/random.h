// Counter-based random numbers: Philox-4x32-10 (Salmon et al., SC'11, "Parallel random numbers: as
// easy as 1, 2, 3"). There is no stream: a number is a pure function of what it is for, so results
// do not depend on threads, batch composition or which rows were recomputed.
// The layout of the counter, with test vectors, is docs/random.md.
#pragma once

#include <array>
#include <cstdint>

namespace pent {

// What a number is used for; the top byte of counter word 3.
enum class DrawPurpose : uint32_t {
  kToken = 0,  // which token a cell gets
  kOrder = 1,  // random remasking order, tie-breaking scores
  kNoise = 2,  // forward process in training and bounds: which cells are masked
  kTime = 3,   // forward process: the time t
  kData = 4,   // shuffling of documents and windows
  kInit = 5,   // initial weights, synthetic models
};

// Names one draw of one generation. Every field takes part in the counter.
struct DrawKey {
  uint64_t seed = 0;     // --seed
  uint32_t n_index = 0;  // which of the -n answers (or which sequence)
  uint32_t step = 0;     // denoising step, counted over the whole generation
  uint32_t cell = 0;     // cell index within the canvas
  DrawPurpose purpose = DrawPurpose::kToken;
  uint32_t index = 0;  // < 2^24: running number within one key

  bool operator==(const DrawKey&) const = default;
};

// The ten-round Philox-4x32 bijection itself.
std::array<uint32_t, 4> philox_4x32_10(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// counter = {cell, step, n_index, purpose << 24 | index}, key = {low 32 bits of seed, high 32 bits}.
std::array<uint32_t, 4> draw_bits(const DrawKey& key);

// Uniform in (0, 1): (k + 0.5) / 2^53 with k the top 53 bits of (word 1 << 32 | word 0), at most 1 - 2^-53. Never 0 or 1.
double draw_uniform(const DrawKey& key);

}  // namespace pent
