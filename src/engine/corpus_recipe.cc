// Corpus recipes and the prompts they make (engine/corpus.h).
#include <algorithm>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/random.h"
#include "engine/corpus.h"
#include "io/toml_section.h"

namespace pent {
namespace {

// A template as text and names in turn: text, name, text, …, text.
std::vector<std::string> parts_of(const std::string& text, const std::string& where) {
  std::vector<std::string> parts(1);
  for (size_t at = 0; at < text.size();) {
    const size_t brace = text.find_first_of("{}", at);
    parts.back() += text.substr(at, brace - at);
    if (brace == std::string::npos) break;
    const size_t end = text.find_first_of("{}", brace + 1);
    if (text[brace] == '}' || end == std::string::npos || text[end] == '{')
      throw error(ErrorKind::kInvalidArgument, "{}: template \"{}\": a brace without its partner", where,
                  printable(text));
    parts.push_back(text.substr(brace + 1, end - brace - 1));
    parts.emplace_back();
    at = end + 1;
  }
  return parts;
}

void check(const CorpusRecipe& recipe, const std::string& where) {
  const auto refuse = [&](const std::string& what) { throw error(ErrorKind::kInvalidArgument, "{}: {}", where, what); };
  double total = 0;
  for (const CorpusTemplate& each : recipe.templates) {
    total += each.weight;
    std::map<std::string, size_t> uses;
    const std::vector<std::string> parts = parts_of(each.text, where);
    for (size_t i = 1; i < parts.size(); i += 2) ++uses[parts[i]];
    for (const auto& [name, count] : uses) {
      const auto found = recipe.words.find(name);
      if (found == recipe.words.end())
        refuse(fmt::format("template \"{}\": there is no list words.{}", printable(each.text), printable(name)));
      if (found->second.size() < count)
        refuse(fmt::format("template \"{}\" needs {} words of words.{}, which has {}", printable(each.text), count,
                           printable(name), found->second.size()));
    }
    if (each.text.empty()) refuse("a template has no text");
  }
  if (!(total > 0)) refuse("no templates: give [[template]] tables, their weights not all 0");
}

}  // namespace

CorpusRecipe parse_corpus_recipe(std::string_view text, const std::string& where,
                                 const std::vector<std::string>& overrides) {
  const toml::table root = parse_toml(text, where, overrides);
  CorpusRecipe r;
  TomlSection top(&root, where);
  top.read("name", r.name);
  top.read("seed", r.seed, 0, int64_t{1} << 53);
  top.read("model", r.model);
  top.read("system", r.system);
  top.read("out", r.out);
  top.read("answers", r.answers, 1, int64_t{1} << 31);
  top.read("width", r.width, 1, 4096);
  top.read("avoid", r.avoid);
  TomlSection generation = top.section("generation");
  generation.read("max_tokens", r.generation.max_tokens, 1, 1 << 20);
  generation.read("temperature", r.generation.temperature, 0, 100);
  generation.read("top_p", r.generation.top_p, 0, 1);
  generation.read("top_k", r.generation.top_k, 0, 1 << 30);
  generation.read("min_p", r.generation.min_p, 0, 1);
  generation.read("repetition_penalty", r.generation.repetition_penalty, 0.1, 10);
  generation.read("repetition_window", r.generation.repetition_window, 1, 1 << 20);
  generation.refuse_unknown();
  TomlSection words = top.section("words");
  for (const std::string& name : words.keys()) words.read(name.c_str(), r.words[name]);
  for (TomlSection& section : top.sections("template")) {
    CorpusTemplate& added = r.templates.emplace_back();
    section.read("text", added.text);
    section.read("weight", added.weight, 0, 1e6);
    section.refuse_unknown();
  }
  top.refuse_unknown();
  if (r.name.empty()) r.name = std::filesystem::path(where).stem().string();
  if (r.out.empty()) r.out = "runs/" + r.name + ".jsonl";
  check(r, where);
  return r;
}

CorpusRecipe load_corpus_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  return parse_corpus_recipe(read_file(path, size_t{1} << 20), path.string(), overrides);
}

std::string corpus_prompt(const CorpusRecipe& recipe, int64_t index) {
  uint32_t draws = 0;
  const auto draw = [&] {
    return draw_uniform({.seed = recipe.seed,
                         .n_index = static_cast<uint32_t>(index),
                         .purpose = DrawPurpose::kData,
                         .index = draws++});
  };
  double total = 0;
  for (const CorpusTemplate& each : recipe.templates) total += each.weight;
  for (;;) {
    double left = draw() * total;
    size_t chosen = 0;
    while (chosen + 1 < recipe.templates.size() && left >= recipe.templates[chosen].weight)
      left -= recipe.templates[chosen++].weight;
    const std::vector<std::string> parts = parts_of(recipe.templates[chosen].text, recipe.name);
    std::map<std::string, std::vector<std::string>> unused;
    std::string prompt = parts[0];
    for (size_t i = 1; i < parts.size(); i += 2) {
      auto& list = unused.try_emplace(parts[i], recipe.words.at(parts[i])).first->second;
      const auto word = list.begin() + static_cast<std::ptrdiff_t>(draw() * static_cast<double>(list.size()));
      prompt += *word + parts[i + 1];
      list.erase(word);
    }
    constexpr uint32_t kTries = 1000;  // a recipe that avoids everything it can say must not hang
    if (std::find(recipe.avoid.begin(), recipe.avoid.end(), prompt) == recipe.avoid.end()) return prompt;
    if (draws > kTries)
      throw error(ErrorKind::kInvalidArgument, "{}: hardly a prompt is left that 'avoid' does not name", recipe.name);
  }
}

}  // namespace pent
