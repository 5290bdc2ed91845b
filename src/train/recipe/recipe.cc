// Recipes from TOML: every key bound to its field.
#include "train/recipe/recipe.h"

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/toml_section.h"

namespace pent::train {
namespace {

std::vector<SourceRecipe> read_sources(TomlSection& parent) {
  std::vector<SourceRecipe> out;
  for (TomlSection& s : parent.sections("source")) {
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

void read_top(TomlSection& top, Recipe& r) {
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

void read_net(TomlSection& top, Recipe& r) {
  TomlSection tokenizer = top.section("tokenizer");
  tokenizer.read("file", r.tokenizer.file);
  tokenizer.read("vocab_size", r.tokenizer.vocab_size, 300, 1 << 20);
  tokenizer.refuse_unknown();
  TomlSection model = top.section("model");
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

void read_training(TomlSection& top, Recipe& r) {
  TomlSection objective = top.section("objective");
  objective.read("kind", r.objective.kind, {"masked-diffusion", "next-token"});
  objective.read("epsilon", r.objective.epsilon, 1e-6, 0.5);
  objective.read("block_windows", r.objective.block_windows, 0, 1);
  objective.read("infill_windows", r.objective.infill_windows, 0, 1);
  objective.read("token_mask", r.objective.token_mask, 0, 0.95);
  objective.read("pad_in_loss", r.objective.pad_in_loss);
  objective.refuse_unknown();
  TomlSection optimizer = top.section("optimizer");
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
  TomlSection schedule = top.section("schedule");
  schedule.read("kind", r.schedule.kind, {"wsd", "cosine"});
  schedule.read("steps", r.schedule.steps, 1, int64_t{1} << 31);
  schedule.read("warmup", r.schedule.warmup, 0, int64_t{1} << 31);
  schedule.read("decay", r.schedule.decay, 0, 1);
  schedule.read("final_lr", r.schedule.final_lr, 0, 1);
  schedule.read("max_minutes", r.schedule.max_minutes, 0, 1e7);
  schedule.refuse_unknown();
  TomlSection batch = top.section("batch");
  batch.read("sequences", r.batch.sequences, 1, 1 << 20);
  batch.read("micro", r.batch.micro, 1, 1 << 20);
  batch.refuse_unknown();
}

void read_run(TomlSection& top, Recipe& r) {
  TomlSection validation = top.section("validation");
  validation.read("every", r.validation.every, 0, kMany);
  validation.read("draws", r.validation.draws, 1, 4096);
  validation.read("sequences", r.validation.sequences, 1, 1 << 20);
  validation.read("keep_best", r.validation.keep_best);
  r.validation.sources = read_sources(validation);
  validation.refuse_unknown();
  TomlSection checkpoint = top.section("checkpoint");
  checkpoint.read("every", r.checkpoint.every, 0, kMany);
  checkpoint.read("keep", r.checkpoint.keep, 1, 1 << 20);
  checkpoint.refuse_unknown();
  TomlSection generation = top.section("generation");
  generation.read("prompt", r.generation.prompt);
  generation.read("block_length", r.generation.block_length, 1, 1 << 20);
  generation.read("steps", r.generation.steps, 1, 1 << 20);
  generation.read("max_tokens", r.generation.max_tokens, 1, 1 << 20);
  generation.read("temperature", r.generation.temperature, 0, 100);
  generation.read("repetition_penalty", r.generation.repetition_penalty, 0.1, 10);
  generation.read("remasking", r.generation.remasking, {"low_confidence", "random", "entropy", "margin"});
  generation.read("cache", r.generation.cache, {"none", "prefix", "dual"});
  generation.refuse_unknown();
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
  const toml::table root = parse_toml(text, where, overrides);
  Recipe recipe;
  TomlSection top(&root, where);
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
