// A Model made of fakes.
#pragma once

#include "engine/generate.h"
#include "support/fake_denoiser.h"
#include "support/fake_tokenizer.h"

namespace pent {

// 0 <eos>, 1 a, 2 b, 3 c, 4 " ", 5 "ab", 6 "[", 7 "]", 8 <bos>; ids 9 … 14 are padding, 15 the mask.
inline Model fake_model(ModelSpec spec, FakeDenoiser::Logits logits = scrambled_logits(16)) {
  Model model;
  model.name = "fake";
  model.files.where = "fake";
  model.tokenizer =
      std::make_shared<FakeTokenizer>(std::vector<std::string>{"<eos>", "a", "b", "c", " ", "ab", "[", "]", "<bos>"});
  model.denoiser = std::make_unique<FakeDenoiser>(std::move(spec), std::move(logits));
  return model;
}

// Position i gets tokens[i] with certainty … as far as hand-made logits go.
inline FakeDenoiser::Logits writes(std::vector<int32_t> tokens) {
  return [tokens = std::move(tokens)](const std::vector<int32_t>&, int32_t position) {
    std::vector<float> logits(16);
    logits.at(static_cast<size_t>(tokens.at(static_cast<size_t>(position)))) = 5;
    return logits;
  };
}

}  // namespace pent
