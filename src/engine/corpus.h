// A corpus written by a model: seeded prompts from templates, many answers at a time, JSON lines that say where each came from.
// What a small model is trained on when there is no other text (spec ch. 33), as recipes/corpus-stories.toml does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "engine/model.h"
#include "sample/options.h"

namespace pent {

struct CorpusTemplate {
  std::string text;   // {NAME} stands for one of words[NAME]; a name that occurs twice gets two different words
  double weight = 1;  // how often, among the templates
};

struct CorpusRecipe {
  std::string name;
  uint64_t seed = 1;
  std::string model;   // reference of the model that writes (engine/model.h)
  std::string system;  // its system message; empty: none
  std::string out;     // default: runs/NAME.jsonl
  int64_t answers = 1000;
  int width = 32;  // answers written at a time; changes no answer
  struct {
    int max_tokens = 420, top_k = 0;
    double temperature = 0.7, top_p = 1, min_p = 0, repetition_penalty = 1;
    int repetition_window = 128;
  } generation;
  std::map<std::string, std::vector<std::string>> words;
  std::vector<CorpusTemplate> templates;  // [[template]]
  std::vector<std::string> avoid;         // prompts that are kept out, because they are evaluated with
};

// Throws kInvalidArgument naming file, line and key (io/toml_section.h).
CorpusRecipe parse_corpus_recipe(std::string_view toml, const std::string& where,
                                 const std::vector<std::string>& overrides = {});
CorpusRecipe load_corpus_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});

// The prompt of answer `index`: draws keyed by (seed, index), so that any answer can be written again alone.
std::string corpus_prompt(const CorpusRecipe& recipe, int64_t index);

struct CorpusProgress {
  int64_t answers = 0;              // in the file, of recipe.answers
  int64_t written = 0, tokens = 0;  // by this call
};

// Appends to recipe.out what it does not hold yet, one line an answer in the order in which they end: {prompt, text, tokens,
// finish, index, seed, model}; an answer's random numbers are keyed by (seed, n_index = index). A line that a crash cut short
// is written again. Throws kInvalidArgument when the file was written by another seed, model or templates, kIo when it cannot
// be written (what is there stays). `progress` is called after every line.
CorpusProgress write_corpus(Model& model, const CorpusRecipe& recipe,
                            const std::function<void(const CorpusProgress&)>& progress = {},
                            const CancelToken* cancel = nullptr);

}  // namespace pent
