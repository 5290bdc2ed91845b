// Sizes for `size = "auto"` (recipe.h). Little text suits diffusion when it is seen many times (spec ch. 33): some
// forty epochs, and a net of about as many parameters as the text has bytes, kept small enough to train on two cores.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "train/recipe/recipe.h"

namespace pent::train {
namespace {

struct Size {
  int64_t bytes;  // for text up to this
  int d_model, n_layers, context;
};
constexpr Size kSizes[] = {{20'000, 64, 2, 64},      {100'000, 128, 3, 128},    {500'000, 192, 4, 192},
                           {5'000'000, 256, 4, 256}, {50'000'000, 320, 6, 320}, {int64_t{1} << 62, 512, 8, 512}};

template <typename T>
void fill(T& field, int64_t value) {
  if (field == 0) field = static_cast<T>(value);
}

}  // namespace

void choose_sizes(Recipe& r, int64_t bytes) {
  if (r.size != "auto") return;
  const Size& size =
      *std::find_if(std::begin(kSizes), std::end(kSizes), [&](const Size& s) { return bytes <= s.bytes; });
  fill(r.tokenizer.vocab_size, std::clamp<int64_t>(bytes / 512 / 64 * 64, 384, 8192));
  fill(r.model.d_model, size.d_model);
  fill(r.model.n_layers, size.n_layers);
  fill(r.model.n_heads, r.model.d_model % 64 == 0 ? r.model.d_model / 64 : 1);
  fill(r.model.n_kv_heads, r.model.n_heads);
  fill(r.model.ffn_dim, (r.model.d_model * 8 / 3 + 31) / 32 * 32);
  fill(r.model.context, size.context);
  fill(r.generation.max_tokens, r.model.context / 2);
  fill(r.generation.steps, r.generation.max_tokens);
  // A token is between two and four bytes, the more the larger the vocabulary.
  const double tokens = static_cast<double>(bytes) / (std::log2(static_cast<double>(r.tokenizer.vocab_size)) / 3 - 0.6);
  const double per_step = static_cast<double>(r.batch.sequences) * r.model.context;
  constexpr double kEpochs = 40;
  fill(r.schedule.steps, static_cast<int64_t>(std::clamp(kEpochs * tokens / per_step, 300.0, 50'000.0)));
  r.schedule.warmup = std::min(r.schedule.warmup, std::max<int64_t>(r.schedule.steps / 10, 1));
}

}  // namespace pent::train
