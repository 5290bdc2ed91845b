// What generate() and fill() share: options completed from the model, text from tokens.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/model.h"
#include "sample/options.h"

namespace pent {

// Fills what is unset from generation_config.json, unless a preset was named. Its max_new_tokens is lowered to what a prompt
// of prompt_tokens leaves of the context.
GenerationOptions with_model_defaults(const Model& model, GenerationOptions options, int prompt_tokens);

// The text of a completion without special tokens, cut before the first of the stop strings. `kept`: how many of the tokens
// that text needs (the last one may reach into the stop string).
struct CutText {
  std::string text;
  size_t kept = 0;
  bool stopped = false;
};
CutText completion_text(const Tokenizer& tokenizer, std::span<const TokenId> tokens,
                        const std::vector<std::string>& stops);

}  // namespace pent
