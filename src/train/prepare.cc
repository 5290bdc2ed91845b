// Preparing a corpus (prepare.h).
#include "train/prepare.h"

#include "base/error.h"
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
  for (const SourceRecipe& source : sources) out.push_back({source, read_documents(fs::path(recipe.data_dir) / source.path)});
  return out;
}

// `data`: one file; a twentieth of its documents, at least one, is held out where there are enough.
void split_single_file(const Recipe& recipe, std::vector<RawSource>& training, std::vector<RawSource>& validation) {
  SourceRecipe source{.path = recipe.data, .window = "packed", .weight = 1, .drop_prompt = 0.2};
  if (fs::path(recipe.data).extension() == ".jsonl") source.window = "example";
  auto documents = read_documents(recipe.data);
  if (documents.size() >= 4) {
    const size_t held = std::max<size_t>(1, documents.size() / 20);
    validation = {{source, {documents.end() - static_cast<int64_t>(held), documents.end()}}};
    documents.resize(documents.size() - held);
  }
  training = {{source, std::move(documents)}};
}

std::string obtain_tokenizer(const Recipe& recipe, const std::vector<RawSource>& training) {
  const fs::path kept = fs::path(recipe.out) / "tokenizer.json";
  if (!recipe.tokenizer.file.empty()) return read_file(recipe.tokenizer.file);
  if (fs::exists(kept)) return read_file(kept);
  fmt::print(stderr, "training a tokenizer of {} tokens\n", recipe.tokenizer.vocab_size);
  const DocumentSource documents = [&](const std::function<void(std::string_view)>& take) {
    for (const RawSource& source : training) {
      for (const Document& document : source.documents) {
        if (!document.prompt.empty()) take(document.prompt);
        take(document.text);
      }
    }
  };
  return train_bpe(documents, {.vocab_size = recipe.tokenizer.vocab_size, .special_tokens = SpecialTokens::names()});
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

// Names what a checkpoint may only be continued with.
std::string fingerprint_of(const Recipe& r, const Corpus& corpus) {
  std::string text = fmt::format("{} seed {} d {} layers {} heads {}/{} ffn {} context {} vocab {} tied {} batch {} lr {} wd {} ema {}", r.objective.kind,
                                 r.seed, r.model.d_model, r.model.n_layers, r.model.n_heads, r.model.n_kv_heads, r.model.ffn_dim,
                                 r.model.context, corpus.card.spec.vocab_size, r.model.tied_head, r.batch.sequences, r.optimizer.lr,
                                 r.optimizer.weight_decay, r.optimizer.ema);
  for (const auto& source : corpus.sources)
    text += fmt::format("; {} {} x{} {} documents {} tokens", fs::path(source.recipe.path).filename().string(), source.recipe.window,
                        source.recipe.weight, source.examples.size(), source.tokens);
  return text;
}

}  // namespace

Corpus prepare_corpus(const Recipe& recipe, bool dry_run) {
  std::vector<RawSource> training, validation;
  if (!recipe.data.empty()) {
    split_single_file(recipe, training, validation);
  } else {
    training = read_sources(recipe, recipe.sources);
    validation = read_sources(recipe, recipe.validation.sources);
  }
  Corpus corpus;
  corpus.card.tokenizer_json = obtain_tokenizer(recipe, training);
  const std::string where = recipe.tokenizer.file.empty() ? "tokenizer.json" : recipe.tokenizer.file;
  corpus.tokenizer = parse_tokenizer_json(corpus.card.tokenizer_json, where);
  corpus.special = SpecialTokens::find(*corpus.tokenizer, where);
  for (const RawSource& source : training) corpus.sources.push_back(tokenize_source(source.recipe, source.documents, *corpus.tokenizer));
  for (const RawSource& source : validation) corpus.validation.push_back(tokenize_source(source.recipe, source.documents, *corpus.tokenizer));
  corpus.card.special = corpus.special;
  corpus.card.recipe = recipe;
  corpus.card.spec = make_spec(recipe, corpus.tokenizer->size(), corpus.special);
  corpus.fingerprint = fingerprint_of(recipe, corpus);
  if (!dry_run) {
    std::error_code failed;
    fs::create_directories(recipe.out, failed);
    if (failed) throw error(ErrorKind::kIo, "{}: cannot be made: {}", recipe.out, failed.message());
    write_file_atomically(fs::path(recipe.out) / "tokenizer.json", corpus.card.tokenizer_json);
  }
  return corpus;
}

WindowRules window_rules(const Recipe& recipe) {
  // Next-token models learn one end of text; more of it would only cost time.
  return {.context = recipe.model.context, .pad_in_loss = recipe.objective.pad_in_loss && recipe.objective.kind == "masked-diffusion",
          .seed = recipe.seed};
}

ObjectiveRules objective_rules(const Recipe& recipe, const SpecialTokens& special) {
  return {.diffusion = recipe.objective.kind == "masked-diffusion", .epsilon = recipe.objective.epsilon,
          .token_mask = recipe.objective.token_mask, .mask = special.mask, .seed = recipe.seed};
}

}  // namespace pent::train
