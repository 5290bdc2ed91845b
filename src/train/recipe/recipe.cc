// Recipes from TOML (toml++): a table of keys bound to fields, so that an unknown key, a wrong type or a value out of
// range is refused with its line, and --set goes through the same door.
#include "train/recipe/recipe.h"

#include <toml++/toml.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/mapped_file.h"

namespace pent::train {
namespace {

// Reads the keys of one table and remembers which were known.
class Section {
 public:
  Section(const toml::table* table, std::string prefix, const std::string& where)
      : table_(table), prefix_(std::move(prefix)), where_(where) {}

  void read(const char* key, std::string& field, std::initializer_list<const char*> allowed = {}) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_string()) fail(key, *node, "a string");
    field = **node->as_string();
    std::string names;
    for (const char* name : allowed) {
      if (field == name) return;
      names += fmt::format("{}\"{}\"", names.empty() ? "" : " or ", name);
    }
    if (allowed.size() > 0) fail(key, *node, names);
  }
  void read(const char* key, bool& field) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_boolean()) fail(key, *node, "true or false");
    field = **node->as_boolean();
  }
  void read(const char* key, double& field, double low, double high) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const auto value = node->value<double>();
    if (!node->is_number() || !value || !(*value >= low && *value <= high))
      fail(key, *node, fmt::format("a number from {} to {}", low, high));
    field = *value;
  }
  template <typename Int>
  void read(const char* key, Int& field, int64_t low, int64_t high) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_integer() || **node->as_integer() < low || **node->as_integer() > high)
      fail(key, *node, fmt::format("a whole number from {} to {}", low, high));
    field = static_cast<Int>(**node->as_integer());
  }
  Section section(const char* key) {
    const toml::node* node = find(key);
    if (node != nullptr && !node->is_table()) fail(key, *node, "a table");
    return Section(node == nullptr ? nullptr : node->as_table(), prefix_ + key + ".", where_);
  }
  // The tables of an array [[key]].
  std::vector<Section> sections(const char* key) {
    std::vector<Section> out;
    const toml::node* node = find(key);
    if (node == nullptr) return out;
    if (!node->is_array()) fail(key, *node, "an array of tables, [[...]]");
    for (const toml::node& item : *node->as_array()) {
      if (!item.is_table()) fail(key, item, "an array of tables, [[...]]");
      out.emplace_back(item.as_table(), prefix_ + key + ".", where_);
    }
    return out;
  }
  void refuse_unknown() const {
    if (table_ == nullptr) return;
    for (const auto& [key, node] : *table_) {
      if (known_.contains(std::string(key.str()))) continue;
      std::string names;
      for (const std::string& name : known_) names += (names.empty() ? "" : ", ") + name;
      throw error(ErrorKind::kInvalidArgument, "{}: unknown key '{}{}'; known here: {}", place(key.source()), prefix_,
                  std::string(key.str()), names);
    }
  }

 private:
  const toml::node* find(const char* key) {
    known_.insert(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  [[noreturn]] void fail(const char* key, const toml::node& node, const std::string& expected) const {
    throw error(ErrorKind::kInvalidArgument, "{}: '{}{}' must be {}", place(node.source()), prefix_, key, expected);
  }
  // What was put in by --set has no line.
  std::string place(const toml::source_region& source) const {
    return source.begin.line == 0 ? "--set" : fmt::format("{}:{}", where_, source.begin.line);
  }

  const toml::table* table_;
  std::string prefix_;
  const std::string& where_;
  std::set<std::string> known_;
};

std::vector<SourceRecipe> read_sources(Section& parent) {
  std::vector<SourceRecipe> out;
  for (Section& s : parent.sections("source")) {
    SourceRecipe source;
    s.read("path", source.path);
    s.read("window", source.window, {"example", "packed"});
    s.read("weight", source.weight, 0, 1000);
    s.read("drop_prompt", source.drop_prompt, 0, 1);
    s.refuse_unknown();
    out.push_back(std::move(source));
  }
  return out;
}

constexpr int64_t kMany = int64_t{1} << 40;

void leave_sizes_open(Recipe& r) {
  r.tokenizer.vocab_size = 0;
  r.model.d_model = r.model.n_layers = r.model.n_heads = r.model.n_kv_heads = r.model.ffn_dim = r.model.context = 0;
  r.generation.max_tokens = r.generation.steps = 0;
  r.schedule.steps = 0;
}

void read_top(Section& top, Recipe& r) {
  top.read("name", r.name);
  top.read("seed", r.seed, 0, int64_t{1} << 53);
  top.read("data_dir", r.data_dir);
  top.read("data", r.data);
  top.read("out", r.out);
  top.read("size", r.size, {"given", "auto"});
  if (r.size == "auto") leave_sizes_open(r);
  top.read("threads", r.threads, 0, 4096);
  r.sources = read_sources(top);
}

void read_net(Section& top, Recipe& r) {
  Section tokenizer = top.section("tokenizer");
  tokenizer.read("file", r.tokenizer.file);
  tokenizer.read("vocab_size", r.tokenizer.vocab_size, 300, 1 << 20);
  tokenizer.refuse_unknown();
  Section model = top.section("model");
  model.read("d_model", r.model.d_model, 8, 1 << 16);
  model.read("n_layers", r.model.n_layers, 1, 1024);
  model.read("n_heads", r.model.n_heads, 1, 1024);
  r.model.n_kv_heads = r.model.n_heads;
  model.read("n_kv_heads", r.model.n_kv_heads, 1, 1024);
  model.read("ffn_dim", r.model.ffn_dim, 8, 1 << 20);
  model.read("context", r.model.context, 16, 1 << 20);
  model.read("rope_theta", r.model.rope_theta, 1, 1e12);
  model.read("tied_head", r.model.tied_head);
  model.read("init", r.model.init);
  model.read("compute", r.model.compute, {"bf16", "f32"});
  model.refuse_unknown();
}

void read_training(Section& top, Recipe& r) {
  Section objective = top.section("objective");
  objective.read("kind", r.objective.kind, {"masked-diffusion", "next-token"});
  objective.read("epsilon", r.objective.epsilon, 1e-6, 0.5);
  objective.read("block_windows", r.objective.block_windows, 0, 1);
  objective.read("infill_windows", r.objective.infill_windows, 0, 1);
  objective.read("token_mask", r.objective.token_mask, 0, 0.95);
  objective.read("pad_in_loss", r.objective.pad_in_loss);
  objective.refuse_unknown();
  Section optimizer = top.section("optimizer");
  optimizer.read("kind", r.optimizer.kind, {"adamw", "muon"});
  optimizer.read("lr", r.optimizer.lr, 0, 10);
  optimizer.read("beta1", r.optimizer.beta1, 0, 0.9999);
  optimizer.read("beta2", r.optimizer.beta2, 0, 0.999999);
  optimizer.read("momentum", r.optimizer.momentum, 0, 0.9999);
  optimizer.read("epsilon", r.optimizer.epsilon, 1e-15, 1);
  optimizer.read("weight_decay", r.optimizer.weight_decay, 0, 100);
  optimizer.read("clip", r.optimizer.clip, 0, 1e9);
  optimizer.read("ema", r.optimizer.ema, 0, 0.999999);
  optimizer.read("residual_dropout", r.optimizer.residual_dropout, 0, 0.95);
  optimizer.read("mlp_dropout", r.optimizer.mlp_dropout, 0, 0.95);
  optimizer.refuse_unknown();
  Section schedule = top.section("schedule");
  schedule.read("kind", r.schedule.kind, {"wsd", "cosine"});
  schedule.read("steps", r.schedule.steps, 1, int64_t{1} << 31);
  schedule.read("warmup", r.schedule.warmup, 0, int64_t{1} << 31);
  schedule.read("decay", r.schedule.decay, 0, 1);
  schedule.read("final_lr", r.schedule.final_lr, 0, 1);
  schedule.read("max_minutes", r.schedule.max_minutes, 0, 1e7);
  schedule.refuse_unknown();
  Section batch = top.section("batch");
  batch.read("sequences", r.batch.sequences, 1, 1 << 20);
  batch.read("micro", r.batch.micro, 1, 1 << 20);
  batch.refuse_unknown();
}

void read_run(Section& top, Recipe& r) {
  Section validation = top.section("validation");
  validation.read("every", r.validation.every, 0, kMany);
  validation.read("draws", r.validation.draws, 1, 4096);
  validation.read("sequences", r.validation.sequences, 1, 1 << 20);
  validation.read("keep_best", r.validation.keep_best);
  r.validation.sources = read_sources(validation);
  validation.refuse_unknown();
  Section checkpoint = top.section("checkpoint");
  checkpoint.read("every", r.checkpoint.every, 0, kMany);
  checkpoint.read("keep", r.checkpoint.keep, 1, 1 << 20);
  checkpoint.refuse_unknown();
  Section generation = top.section("generation");
  generation.read("prompt", r.generation.prompt);
  generation.read("block_length", r.generation.block_length, 1, 1 << 20);
  generation.read("steps", r.generation.steps, 1, 1 << 20);
  generation.read("max_tokens", r.generation.max_tokens, 1, 1 << 20);
  generation.read("temperature", r.generation.temperature, 0, 100);
  generation.read("remasking", r.generation.remasking, {"low_confidence", "random"});
  generation.read("cache", r.generation.cache, {"none", "prefix", "dual"});
  generation.refuse_unknown();
}

// "a.b=value": value as TOML, or as a bare string where it is not. Later ones win.
void apply_override(toml::table& root, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw error(ErrorKind::kInvalidArgument, "--set {}: expected key=value", text);
  std::string key = text.substr(0, equals), value = text.substr(equals + 1);
  toml::table parsed;
  try {
    parsed = toml::parse("v = " + value, "--set " + key);
  } catch (const toml::parse_error&) {
    parsed.insert_or_assign("v", value);
  }
  if (parsed.size() != 1) throw error(ErrorKind::kInvalidArgument, "--set {}: one value expected", text);
  toml::table* table = &root;
  for (size_t dot; (dot = key.find('.')) != std::string::npos; key.erase(0, dot + 1)) {
    toml::node* next = table->get(key.substr(0, dot));
    if (next == nullptr) next = &table->insert_or_assign(key.substr(0, dot), toml::table{}).first->second;
    if (!next->is_table())
      throw error(ErrorKind::kInvalidArgument, "--set {}: '{}' is not a table", text, key.substr(0, dot));
    table = next->as_table();
  }
  table->insert_or_assign(key, *parsed.get("v"));
}

}  // namespace

void check_recipe(const Recipe& r, const std::string& where) {
  auto refuse = [&](const std::string& what) { throw error(ErrorKind::kInvalidArgument, "{}: {}", where, what); };
  if (r.model.d_model % r.model.n_heads != 0 || r.model.d_model / r.model.n_heads % 2 != 0)
    refuse(
        fmt::format("model.d_model {} must be an even multiple of model.n_heads {}", r.model.d_model, r.model.n_heads));
  if (r.model.n_heads % r.model.n_kv_heads != 0)
    refuse(
        fmt::format("model.n_heads {} must be a multiple of model.n_kv_heads {}", r.model.n_heads, r.model.n_kv_heads));
  if (r.generation.max_tokens > r.model.context)
    refuse(fmt::format("generation.max_tokens {} is more than model.context {}", r.generation.max_tokens,
                       r.model.context));
  if (r.objective.block_windows + r.objective.infill_windows > 0 && r.objective.kind != "masked-diffusion")
    refuse("objective.block_windows and infill_windows are for kind = \"masked-diffusion\"");
  if (r.objective.block_windows + r.objective.infill_windows > 1)
    refuse("objective.block_windows and infill_windows are more than 1 together");
  if (r.objective.token_mask > 0 && r.objective.kind != "next-token")
    refuse("objective.token_mask is for kind = \"next-token\"");
  if (!r.model.init.empty() && !r.tokenizer.file.empty())
    refuse("model.init brings its own tokenizer: leave out tokenizer.file");
  if (r.sources.empty() && r.data.empty()) refuse("no data: give [[source]] tables, or --set data=FILE");
  for (const auto* sources : {&r.sources, &r.validation.sources})
    for (const SourceRecipe& source : *sources)
      if (source.path.empty()) refuse("a source has no path");
}

Recipe parse_recipe(std::string_view text, const std::string& where, const std::vector<std::string>& overrides) {
  toml::table root;
  try {
    root = toml::parse(text, where);
  } catch (const toml::parse_error& e) {
    throw error(ErrorKind::kInvalidArgument, "{}:{}: not valid TOML: {}", where, e.source().begin.line,
                e.description());
  }
  for (const std::string& override_text : overrides) apply_override(root, override_text);
  Recipe recipe;
  Section top(&root, "", where);
  read_top(top, recipe);
  read_net(top, recipe);
  read_training(top, recipe);
  read_run(top, recipe);
  top.refuse_unknown();
  if (recipe.name.empty()) recipe.name = std::filesystem::path(where).stem().string();
  recipe.batch.micro = std::min(recipe.batch.micro, recipe.batch.sequences);
  if (recipe.out.empty())
    recipe.out = "runs/" + (recipe.data.empty() ? recipe.name : std::filesystem::path(recipe.data).stem().string());
  if (recipe.size == "given") check_recipe(recipe, where);
  return recipe;
}

Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  return parse_recipe(read_file(path, size_t{1} << 20), path.string(), overrides);
}

}  // namespace pent::train
