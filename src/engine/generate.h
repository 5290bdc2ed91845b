// A request, from options to text: the one door that run, fill, the server and the evaluations use.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "engine/model.h"
#include "engine/request.h"
#include "sample/drafter.h"
#include "sample/preset.h"
#include "sample/trace.h"

namespace pent {

// A token of the completion, with the forward (from 0) that set it and the model's probability of it then.
struct WrittenToken {
  int32_t token = 0;
  int32_t step = 0;
  float confidence = 0;
};

struct Generation {
  std::string text;                // up to the first stop, special tokens left out
  std::vector<int32_t> token_ids;  // of the completion, stop token excluded
  std::string finish_reason;       // "stop", "length", "deadline", "cancelled"
  int prompt_tokens = 0;
  int completion_tokens = 0;
  int nfe = 0;
  int64_t rows = 0;      // cells that the forwards computed, masks of drafts included
  int hurried = 0;       // cells that the last forward decided because of max_nfe or a deadline
  int canvas_cells = 0;  // DAEDAL's N_token: cells that were there for the answer when the canvas was longest
  std::vector<WrittenToken> written;  // one for each of token_ids
  double seconds = 0;
  double seconds_to_first_committed = 0;
  Mode mode = Mode::kAr;    // with options.mode "auto" what its planner came to in the end
  std::string mode_reason;  // one clause
  DraftCount draft;         // of speculation
  std::string preset;
  CacheKind cache = CacheKind::kNone;  // of a diffusion model; all others are approximations
  uint64_t seed = 0;
  uint32_t n_index = 0;
};

// `prompt` is already templated and tokenised. Throws kInvalidArgument before any work when prompt + canvas exceed the
// context. ^C through `cancel` ends with finish_reason "cancelled" and the text as far as it was final: up to the first
// undecided cell. An empty prompt is BOS alone where the model has one; without BOS a diffusion model paints the bare canvas,
// and an autoregressive one starts from its end-of-text token (refused if it has neither).
//
// When options.preset is empty, what the caller left unset comes from the model's generation_config.json (temperature, top_p,
// top_k, min_p, repetition_penalty, do_sample, max_new_tokens; for diffusion also steps, block_length, threshold, remasking or alg;
// for DiffusionGemma t_max, t_min, max_denoising_steps, sampler_config, stability_threshold and confidence_threshold alone), then from
// its default preset.
Generation generate(Model& model, const std::vector<TokenId>& prompt, const GenerationOptions& options,
                    const TraceSink& trace = {}, const CancelToken* cancel = nullptr);

// Many answers in one go, `width` sequences per forward: the same tokens as one by one. The items' seed and n_index replace
// those of `options`, which is otherwise shared. Results in the order of the items; `finished` hears of each as it ends.
struct BatchItem {
  std::vector<TokenId> prompt;
  uint64_t seed = 0;
  uint32_t n_index = 0;
};
std::vector<Generation> generate_batch(Model& model, const std::vector<BatchItem>& items,
                                       const GenerationOptions& options, int width, const TraceSink& trace = {},
                                       const CancelToken* cancel = nullptr,
                                       const std::function<void(const Generation&)>& finished = {});

// The parameters generate() uses for these options and a prompt of this length, every default filled in.
SamplingParams resolved_params(const Model& model, const GenerationOptions& options, int prompt_tokens);

// Prompt text to tokens: through the chat template (system may be empty) unless raw or the model has none; raw prompts get
// BOS where the tokenizer's post-processor adds it.
std::vector<TokenId> make_prompt(const Model& model, const std::string& user, const std::string& system, bool raw);
// The same for a conversation (not empty), which may begin with a system message. Raw or without a template: the last
// message alone. `tools` are descriptions of functions (ChatInput), or null; throws kInvalidArgument where no template shows them.
std::vector<TokenId> make_prompt(const Model& model, const std::vector<ChatMessage>& messages, bool raw,
                                 const Json& tools = nullptr);

// The text that the model's chat template, which it must have, makes of the messages, ready for the answer. Special tokens
// are those of tokenizer_config.json; bos_token and eos_token that it does not mention at all come from the model's ids.
std::string apply_chat_template(const Model& model, const std::vector<ChatMessage>& messages,
                                const Json& tools = nullptr);

struct FilledHole {
  std::string name;  // given, or "1", "2", … in order
  std::string text;
  int tokens = 0;
  std::string finish;                   // "filled", "cancelled", "deadline"
  std::vector<double> choice_logprobs;  // of the texts of its choice, if asked for
};
struct Filling {
  Generation generation;  // text: the whole canvas, without what stands before it
  std::vector<FilledHole> holes;
  double kept_fraction = 1;  // of the tokens of drafts
};

// What every verb and endpoint hands its request to. Without a canvas it is generate(). With one all holes are written together, as
// one block unless block_length says otherwise; special tokens are banned in them; full-attention masked diffusion models only. The
// text around them is fixed; it follows the conversation as the chat template has it, the prompt, or BOS. nfe counts the forwards
// that found the lengths of holes and judged drafts.
Filling answer(Model& model, const Request& request, const TraceSink& trace = {}, const CancelToken* cancel = nullptr);

// What stands before the canvas, as the request has it: its conversation or its prompt.
std::vector<TokenId> prompt_of(const Model& model, const Request& request);

// The same for a template (engine/fill_template.h), behind the chat template's opening with `system` when that is given.
Filling fill(Model& model, const std::string& text_with_holes, const GenerationOptions& options,
             const std::string& system = {}, const TraceSink& trace = {}, const CancelToken* cancel = nullptr);

}  // namespace pent
