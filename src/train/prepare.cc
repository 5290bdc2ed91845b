// Preparing a corpus (prepare.h).
#include "train/prepare.h"

#include <algorithm>

#include "base/error.h"
#include "base/fingerprint.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "text/bpe_trainer.h"

namespace pent::train {
namespace {

namespace fs = std::filesystem;

struct RawSource {
  SourceRecipe recipe;
  std::vector<Document> documents;
};

std::vector<RawSource> read_sources(const Recipe& recipe, const std::vector<SourceRecipe>& sources) {
  std::vector<RawSource> out;
  for (const SourceRecipe& source : sources)
    out.push_back({source, read_documents(fs::path(recipe.data_dir) / source.path)});
  return out;
}

// Takes about a twentieth of the text, from its end, out of `documents`: whole documents, or of a plain text that has
// few, the last lines of the last. Text of less than a few hundred words stays whole.
std::vector<Document> hold_out_tail(std::vector<Document>& documents, bool may_cut) {
  constexpr size_t kLeast = 4096;
  size_t total = 0;
  for (const Document& document : documents) total += document.text.size();
  if (total < kLeast) return {};
  std::vector<Document> held;
  for (size_t wanted = total / 20; wanted > 0 && !documents.empty();) {
    Document& last = documents.back();
    if (last.text.size() <= 2 * wanted && documents.size() > 1) {
      wanted -= std::min(wanted, last.text.size());
      held.insert(held.begin(), std::move(last));
      documents.pop_back();
      continue;
    }
    if (may_cut) {
      const size_t from = last.text.size() - wanted;
      const size_t line = last.text.find('\n', from),
                   cut = line != std::string::npos ? line : last.text.find(' ', from);
      if (cut != std::string::npos) {
        held.insert(held.begin(), Document{.prompt = "", .text = last.text.substr(cut + 1)});
        last.text.resize(cut);
      }
    } else if (held.empty() && documents.size() > 1) {
      held.push_back(std::move(last));
      documents.pop_back();
    }
    break;
  }
  return held;
}

void split_single_file(const Recipe& recipe, std::vector<RawSource>& training, std::vector<RawSource>& validation) {
  const bool jsonl = fs::path(recipe.data).extension() == ".jsonl";
  const SourceRecipe source{
      .path = recipe.data, .window = jsonl ? "example" : "packed", .weight = 1, .drop_prompt = 0.2};
  auto documents = read_documents(recipe.data);
  if (auto held = hold_out_tail(documents, !jsonl); !held.empty()) validation = {{source, std::move(held)}};
  training = {{source, std::move(documents)}};
}

// So that encoding with special tokens puts the token before a text that windows begin with.
std::string with_bos(const std::string& tokenizer_json) {
  Json tokenizer = parse_json(tokenizer_json, "tokenizer.json");
  const std::string& bos = SpecialTokens::names()[1];
  const TokenId id = *parse_tokenizer_json(tokenizer_json, "tokenizer.json")->find(bos);
  const Json special = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const auto sequence = [](const char* name, int type) {
    return Json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  tokenizer["post_processor"] = {{"type", "TemplateProcessing"},
                                 {"single", Json::array({special, sequence("A", 0)})},
                                 {"pair", Json::array({special, sequence("A", 0), sequence("B", 1)})},
                                 {"special_tokens", {{bos, {{"id", bos}, {"ids", {id}}, {"tokens", {bos}}}}}}};
  return tokenizer.dump() + "\n";
}

std::string obtain_tokenizer(const Recipe& recipe, bool resume, const std::vector<RawSource>& training) {
  const fs::path kept = fs::path(recipe.out) / "tokenizer.json";
  if (!recipe.tokenizer.file.empty()) return read_file(recipe.tokenizer.file);
  if (resume && fs::exists(kept)) return read_file(kept);
  if (!recipe.model.init.empty()) return read_file(fs::path(recipe.model.init) / "tokenizer.json");
  fmt::print(stderr, "training a tokenizer of {} tokens\n", recipe.tokenizer.vocab_size);
  const DocumentSource documents = [&](const std::function<void(std::string_view)>& take) {
    for (const RawSource& source : training) {
      for (const Document& document : source.documents) {
        if (!document.prompt.empty()) take(document.prompt);
        take(document.text);
      }
    }
  };
  return with_bos(
      train_bpe(documents, {.vocab_size = recipe.tokenizer.vocab_size, .special_tokens = SpecialTokens::names()}));
}

bool has_prompts(const std::vector<RawSource>& sources) {
  return std::any_of(sources.begin(), sources.end(), [](const RawSource& source) {
    return source.recipe.window == "example" &&
           std::any_of(source.documents.begin(), source.documents.end(),
                       [](const Document& document) { return !document.prompt.empty(); });
  });
}

ModelSpec make_spec(const Recipe& recipe, int vocab_size, const SpecialTokens& special) {
  const auto& m = recipe.model;
  const bool diffusion = recipe.objective.kind == "masked-diffusion";
  ModelSpec spec;
  spec.family = diffusion ? "llada" : "llama";
  spec.attention = diffusion ? AttentionKind::kFull : AttentionKind::kCausal;
  spec.vocab_size = vocab_size;
  spec.d_model = m.d_model;
  spec.n_layers = m.n_layers;
  spec.n_heads = m.n_heads;
  spec.n_kv_heads = m.n_kv_heads;
  spec.head_dim = m.d_model / m.n_heads;
  spec.ffn_dim = m.ffn_dim;
  spec.max_positions = m.context;
  spec.rope_theta = m.rope_theta;
  spec.tied_head = m.tied_head;
  spec.mask_id = diffusion ? special.mask : -1;
  spec.bos_id = special.bos;
  spec.eos_id = spec.pad_id = special.eos;
  spec.stop_ids = {special.eos};
  return spec;
}

Json fixed_facts(const Recipe& r, const Corpus& corpus) {
  Json facts = {{"seed", r.seed},
                {"tokenizer", fmt::format("{:016x}", Fingerprint().add(corpus.card.tokenizer_json).value())},
                {"model.d_model", r.model.d_model},
                {"model.n_layers", r.model.n_layers},
                {"model.n_heads", r.model.n_heads},
                {"model.n_kv_heads", r.model.n_kv_heads},
                {"model.ffn_dim", r.model.ffn_dim},
                {"model.context", r.model.context},
                {"model.rope_theta", r.model.rope_theta},
                {"model.tied_head", r.model.tied_head},
                {"model.compute", r.model.compute},
                {"objective.kind", r.objective.kind},
                {"objective.epsilon", r.objective.epsilon},
                {"objective.token_mask", r.objective.token_mask},
                {"objective.pad_in_loss", r.objective.pad_in_loss},
                {"optimizer.kind", r.optimizer.kind},
                {"optimizer.lr", r.optimizer.lr},
                {"optimizer.beta1", r.optimizer.beta1},
                {"optimizer.beta2", r.optimizer.beta2},
                {"optimizer.momentum", r.optimizer.momentum},
                {"optimizer.epsilon", r.optimizer.epsilon},
                {"optimizer.weight_decay", r.optimizer.weight_decay},
                {"optimizer.clip", r.optimizer.clip},
                {"optimizer.ema", r.optimizer.ema},
                {"optimizer.residual_dropout", r.optimizer.residual_dropout},
                {"optimizer.mlp_dropout", r.optimizer.mlp_dropout},
                {"batch.sequences", r.batch.sequences}};
  for (size_t i = 0; i < corpus.sources.size(); ++i) {
    const TokenSource& source = corpus.sources[i];
    facts[fmt::format("source {}", i + 1)] = fmt::format(
        "{} ({}, weight {}, drop_prompt {}): {} documents, {} tokens", fs::path(source.recipe.path).filename().string(),
        source.recipe.window, source.recipe.weight, source.recipe.drop_prompt, source.examples.size(), source.tokens);
  }
  return facts;
}

}  // namespace

int64_t bytes_of_text(const Recipe& recipe) {
  std::vector<fs::path> files;
  if (!recipe.data.empty()) files.emplace_back(recipe.data);
  if (recipe.data.empty())
    for (const SourceRecipe& source : recipe.sources) files.push_back(fs::path(recipe.data_dir) / source.path);
  int64_t bytes = 0;
  for (const fs::path& file : files) {
    std::error_code failed;
    const auto size = fs::file_size(file, failed);
    if (failed) throw error(ErrorKind::kNotFound, "{}: {}", file.string(), failed.message());
    bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

Corpus prepare_corpus(const Recipe& recipe, bool resume) {
  std::vector<RawSource> training, validation;
  if (!recipe.data.empty()) {
    split_single_file(recipe, training, validation);
  } else {
    training = read_sources(recipe, recipe.sources);
    validation = read_sources(recipe, recipe.validation.sources);
  }
  Corpus corpus;
  corpus.card.tokenizer_json = obtain_tokenizer(recipe, resume, training);
  const std::string where = recipe.tokenizer.file.empty() ? "tokenizer.json" : recipe.tokenizer.file;
  corpus.tokenizer = parse_tokenizer_json(corpus.card.tokenizer_json, where);
  corpus.special = SpecialTokens::find(*corpus.tokenizer, where);
  for (const RawSource& source : training)
    corpus.sources.push_back(tokenize_source(source.recipe, source.documents, *corpus.tokenizer));
  for (const RawSource& source : validation)
    corpus.validation.push_back(tokenize_source(source.recipe, source.documents, *corpus.tokenizer));
  corpus.card.special = corpus.special;
  corpus.card.recipe = recipe;
  corpus.card.spec = make_spec(recipe, corpus.tokenizer->size(), corpus.special);
  corpus.card.chat = has_prompts(training);
  corpus.fixed = fixed_facts(recipe, corpus);
  return corpus;
}

WindowRules window_rules(const Recipe& recipe) {
  // Next-token models learn one end of text; more of it would only cost time.
  return {.context = recipe.model.context,
          .pad_in_loss = recipe.objective.pad_in_loss && recipe.objective.kind == "masked-diffusion",
          .seed = recipe.seed};
}

ObjectiveRules objective_rules(const Recipe& recipe, const SpecialTokens& special) {
  return {.diffusion = recipe.objective.kind == "masked-diffusion",
          .epsilon = recipe.objective.epsilon,
          .block_windows = recipe.objective.block_windows,
          .infill_windows = recipe.objective.infill_windows,
          .token_mask = recipe.objective.token_mask,
          .mask = special.mask,
          .seed = recipe.seed};
}

}  // namespace pent::train
