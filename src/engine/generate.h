// A request, from options to text: the one door that run, fill, the server and the evaluations use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "engine/model.h"
#include "sample/options.h"
#include "sample/trace.h"

namespace pent {

struct Generation {
  std::string text;                  // up to the first stop, special tokens left out
  std::vector<int32_t> token_ids;    // of the completion, stop token excluded
  std::string finish_reason;         // "stop", "length", "deadline", "cancelled"
  int prompt_tokens = 0;
  int completion_tokens = 0;
  int nfe = 0;
  double seconds = 0;
  double seconds_to_first_committed = 0;
  std::string mode;                  // "diffusion" or "ar"
  std::string preset;
  uint64_t seed = 0;
};

// `prompt` is already templated and tokenised. Throws kInvalidArgument before any work when prompt + canvas exceed the
// context. ^C through `cancel` ends with finish_reason "cancelled" and the text so far.
Generation generate(Model& model, const std::vector<TokenId>& prompt, const GenerationOptions& options,
                    const TraceSink& trace = {}, const CancelToken* cancel = nullptr);

// Prompt text to tokens: through the chat template (system may be empty) unless raw or the model has none; raw prompts get
// BOS where the tokenizer's post-processor adds it.
std::vector<TokenId> make_prompt(const Model& model, const std::string& user, const std::string& system, bool raw);

// Infilling: holes [[N]] / [[name:N]] of exactly N tokens (other kinds of holes are refused: kUnsupported). `\[[` is a literal.
struct FilledHole {
  std::string name;       // given, or "1", "2", … in order
  std::string text;
  int tokens = 0;
  std::string finish;     // "filled", "cancelled", "deadline"
};
struct Filling {
  Generation generation;               // text: the whole filled text
  std::vector<FilledHole> holes;
};
Filling fill(Model& model, const std::string& text_with_holes, const GenerationOptions& options, const std::string& system = {},
             const TraceSink& trace = {}, const CancelToken* cancel = nullptr);

}  // namespace pent
