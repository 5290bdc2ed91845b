// What a caller may ask of one generation, in the words of the command line; unset where the preset decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pent {

// Invalid combinations are refused by resolve() (sample/preset.h) with the reason.
struct GenerationOptions {
  std::string preset;                 // empty: the model's default
  std::optional<std::string> mode;    // auto | ar | diffusion | speculative (sample/mode.h); unset: the model's own
  std::optional<int> max_tokens;      // the canvas for full-attention models; the budget for AR
  std::optional<std::string> length;  // auto, N or MIN..MAX (sample/length.h)
  std::optional<double> tau_eos, tau_expand, tau_low;  // of a canvas that grows (LengthRule)
  bool trim_tail = false;                              // take the cells behind a decided end token out of the canvas
  std::optional<int> block_length;
  std::optional<int> steps;            // a total
  std::optional<int> steps_per_block;  // not both
  std::optional<double> threshold;
  std::optional<std::string> select;        // which cells a step decides: NAME or NAME:VALUE (sample/select.h)
  std::optional<std::string> remask;        // which decided cells may change: NAME or NAME:VALUE (sample/revise.h)
  std::optional<double> order_temperature;  // 0: best score first; above: drawn by score
  std::optional<double> cfg_scale;      // classifier-free guidance; 0: none; above: every forward computes two canvases
  std::vector<std::string> logit_bias;  // TOKEN:BIAS
  std::optional<double> temperature, top_p;
  std::optional<double>
      final_temperature;              // renoise: `temperature` is that of a canvas's first step, this that of its end
  std::optional<std::string> settle;  // renoise: none or STEPS:NATS (sample/renoise.h)
  std::optional<double> min_p;
  std::optional<int> top_k;
  std::optional<double> repetition_penalty;  // 1: none
  std::optional<int> repetition_window;      // how far back (a canvas: either way) a token still counts as repeated
  std::optional<std::string> score;          // prob | entropy | margin | random
  std::optional<std::string> score_of;       // model | draws
  std::optional<std::string> cache;          // none | prefix | dual | delayed | block | sub-block
  std::optional<int> max_nfe;
  std::optional<double> deadline_ms;
  uint64_t seed = 0;              // <= 2^53
  uint32_t n_index = 0;           // which of the -n answers
  int best_of = 1;                // candidates written for each answer, of which the likeliest is kept
  std::vector<std::string> stop;  // stop strings
  // What the text must be, one of them at most: a regular expression (text/grammar/regex_syntax.h), a JSON Schema
  // (json_schema.h) as JSON, or a grammar in GBNF (gbnf.h).
  std::optional<std::string> regex, json_schema, grammar;
  std::vector<std::string> include;  // … and texts that stand in it

  bool operator==(const GenerationOptions&) const = default;
};

}  // namespace pent
