// The training loop (trainer.h): recipe -> tokenizer -> windows -> noise -> net -> loss -> optimiser, with validation,
// checkpoints and the export around it. All randomness is counter-based, so the state of a run is its step and cursor.
#include "train/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "train/blas_check.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/prepare.h"
#include "train/progress.h"

namespace pent::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Hands out windows in order, epoch after epoch, and knows where it stands.
class WindowStream {
 public:
  WindowStream(const Corpus& corpus, const WindowRules& rules, uint32_t epoch, int64_t window)
      : corpus_(corpus),
        rules_(rules),
        epoch_(epoch),
        next_(window),
        windows_(make_epoch(corpus.sources, corpus.special, rules, epoch)) {}

  std::vector<Window> take(int64_t count) {
    std::vector<Window> out;
    while (static_cast<int64_t>(out.size()) < count) {
      if (next_ >= static_cast<int64_t>(windows_.size())) {
        windows_ = make_epoch(corpus_.sources, corpus_.special, rules_, ++epoch_);
        next_ = 0;
      }
      out.push_back(windows_[static_cast<size_t>(next_++)]);
    }
    return out;
  }
  uint32_t epoch() const { return epoch_; }
  int64_t window() const { return next_; }

 private:
  const Corpus& corpus_;
  WindowRules rules_;
  uint32_t epoch_;
  int64_t next_;
  std::vector<Window> windows_;
};

// Random, or the weights of the model that the recipe starts from; a run that goes on reads its own over them.
Transformer make_net(const Recipe& recipe, const ModelSpec& spec, bool goes_on) {
  Transformer net(spec, recipe.model.compute == "bf16" ? torch::kBFloat16 : torch::kFloat32, recipe.seed);
  if (!recipe.model.init.empty() && !goes_on) net.load(open_model_files(recipe.model.init));
  return net;
}

class Run {
 public:
  Run(const Recipe& recipe, Corpus corpus, const TrainOptions& options)
      : recipe_(recipe),
        options_(options),
        out_(recipe.out),
        corpus_(std::move(corpus)),
        net_(make_net(recipe, corpus_.card.spec, options.resume && !newest_checkpoint(recipe.out).empty())),
        optimizer_(net_.parameters(), recipe),
        evaluator_(recipe, corpus_) {
    if (options.resume) {
      if (const auto saved = resume_checkpoint(out_, net_, optimizer_, corpus_.fixed)) state_ = *saved;
    } else if (const fs::path old = newest_checkpoint(out_); !old.empty()) {
      throw error(ErrorKind::kInvalidArgument,
                  "{} is there already: --resume goes on from it; else choose another `out`, or delete it",
                  old.string());
    }
    plan_schedule();
    progress_.emplace(out_, state_.step);
    if (state_.step > 0) progress_->note(fmt::format("going on from step {}", state_.step));
  }

  TrainResult execute() {
    WindowStream stream(corpus_, window_rules(recipe_), state_.epoch, state_.window);
    while (state_.step < state_.borders.end) {
      if (options_.cancel != nullptr && options_.cancel->cancelled()) {
        checkpoint();
        return {.model = {}, .validation = {}, .cancelled = true};
      }
      const auto begin = Clock::now();
      const int64_t tokens = one_step(stream);
      const double seconds = seconds_since(begin);
      state_.seconds += seconds;
      ++state_.step;
      state_.tokens += tokens;
      state_.epoch = stream.epoch();
      state_.window = stream.window();
      keep_within_minutes();
      progress_->step(state_.step, expected_end(), last_loss_, tokens, seconds);
      if (due(recipe_.validation.every)) validate();
      if (due(recipe_.checkpoint.every)) checkpoint();
    }
    if (validated_at_ != state_.step) validate();
    checkpoint();
    const fs::path model = out_ / "model";
    if (!recipe_.validation.keep_best || state_.best_step < 0)
      export_model(model, corpus_.card, net_, optimizer_.best_estimate());
    const double nats = recipe_.validation.keep_best ? state_.best_validation : last_validation_;
    return {.model = model, .validation = nats < 1e29 ? std::optional(nats) : std::nullopt, .cancelled = false};
  }

 private:
  bool due(int64_t every) const { return every > 0 && state_.step % every == 0; }

  // The borders that were saved, unless the recipe's schedule has changed since (more steps, say).
  void plan_schedule() {
    const auto& s = recipe_.schedule;
    const std::string schedule = fmt::format("{} {} {} {}", s.kind, s.steps, s.decay, s.max_minutes);
    if (state_.schedule == schedule) return;
    state_.schedule = schedule;
    state_.borders = planned_borders(recipe_);
    if (state_.step > state_.borders.end)
      throw error(ErrorKind::kInvalidArgument, "schedule.steps is {}, but {} steps are done", state_.borders.end,
                  state_.step);
  }

  // Forward and backward over the step's windows, a micro-batch at a time, then the update. Returns the tokens seen.
  int64_t one_step(WindowStream& stream) {
    auto windows = stream.take(recipe_.batch.sequences);
    std::stable_sort(windows.begin(), windows.end(),
                     [](const auto& a, const auto& b) { return a.tokens.size() < b.tokens.size(); });
    const NoisedBatch batch =
        noise_batch(windows, objective_rules(recipe_, corpus_.special), static_cast<uint32_t>(state_.step));
    double loss = 0;
    int64_t tokens = 0;
    for (size_t begin = 0; begin < windows.size(); begin += static_cast<size_t>(recipe_.batch.micro)) {
      const size_t end = std::min(begin + static_cast<size_t>(recipe_.batch.micro), windows.size());
      const MicroBatch micro = make_micro_batch(batch, begin, end, corpus_.special.eos);
      for (size_t i = begin; i < end; ++i) tokens += static_cast<int64_t>(windows[i].tokens.size());
      if (micro.targets.numel() == 0) continue;
      const uint64_t key = recipe_.seed * 0x9e3779b97f4a7c15u + static_cast<uint64_t>(state_.step) * 4096 + begin;
      const Tensor hidden = net_.forward(micro.input, static_cast<float>(recipe_.optimizer.residual_dropout),
                                         static_cast<float>(recipe_.optimizer.mlp_dropout), key);
      const Tensor part = weighted_cross_entropy(hidden, net_.head(), micro.targets, micro.weights);
      part.backward();
      loss += part.item<float>();
    }
    const double lr = learning_rate(recipe_, state_.borders, state_.step);
    const double norm = optimizer_.step(lr);
    if (!std::isfinite(loss) || !std::isfinite(norm))
      throw error(ErrorKind::kInvalidArgument, "step {}: the loss is not finite; try a lower optimizer.lr than {}",
                  state_.step, recipe_.optimizer.lr);
    last_loss_ = loss;
    progress_->metric({{"step", state_.step + 1},
                       {"split", "train"},
                       {"loss", loss},
                       {"lr", lr},
                       {"grad_norm", norm},
                       {"epoch", stream.epoch()},
                       {"tokens", state_.tokens + tokens},
                       {"tokens_per_second", progress_->tokens_per_second()}});
    return tokens;
  }

  // With max_minutes: once only as much time is left as the decay is to take, the decay begins.
  void keep_within_minutes() {
    if (recipe_.schedule.max_minutes <= 0 || state_.step >= state_.borders.decay_begin) return;
    const double limit = recipe_.schedule.max_minutes * 60,
                 per_step = state_.seconds / static_cast<double>(state_.step);
    const double decay_seconds = recipe_.schedule.decay * limit;
    if (state_.seconds + decay_seconds < limit) return;
    state_.borders = {state_.step, state_.step + std::max<int64_t>(1, static_cast<int64_t>(decay_seconds / per_step))};
    progress_->note(fmt::format("step {}: time limit, decay until step {}", state_.step, state_.borders.end));
    progress_->metric({{"step", state_.step},
                       {"split", "schedule"},
                       {"decay_begin", state_.borders.decay_begin},
                       {"end", state_.borders.end}});
  }

  // For the bar: the last step, or before the decay the one that the time limit seems to allow.
  int64_t expected_end() const {
    const double limit = recipe_.schedule.max_minutes * 60;
    if (limit <= 0 || state_.step >= state_.borders.decay_begin) return state_.borders.end;
    const double steps = static_cast<double>(state_.step) * limit / state_.seconds;
    return std::min(state_.borders.end, static_cast<int64_t>(steps));
  }

  void validate() {
    validated_at_ = state_.step;
    if (evaluator_.empty()) return;
    optimizer_.swap_average();
    const Evaluation found = evaluator_.run(net_);
    optimizer_.swap_average();
    last_validation_ = found.nats_per_token;
    progress_->note(fmt::format("step {}: validation {} {:.4f} ± {:.4f} nats/token", state_.step,
                                found.is_bound ? "bound" : "NLL", found.nats_per_token, found.standard_error));
    progress_->metric({{"step", state_.step},
                       {"split", "validation"},
                       {"loss", found.nats_per_token},
                       {"stderr", found.standard_error},
                       {"bits_per_byte", found.bits_per_byte},
                       {"bound", found.is_bound},
                       {"validated_tokens", found.tokens}});
    if (found.nats_per_token >= state_.best_validation) return;
    state_.best_validation = found.nats_per_token;
    state_.best_step = state_.step;
    if (recipe_.validation.keep_best) export_model(out_ / "model", corpus_.card, net_, optimizer_.best_estimate());
  }

  void checkpoint() {
    save_checkpoint(out_, corpus_.card, net_, optimizer_, state_, corpus_.fixed);
    prune_checkpoints(out_, recipe_.checkpoint.keep);
  }

  const Recipe& recipe_;
  const TrainOptions& options_;
  fs::path out_;
  Corpus corpus_;
  Transformer net_;
  Optimizer optimizer_;
  Evaluator evaluator_;
  TrainState state_;
  std::optional<Progress> progress_;
  double last_loss_ = 0, last_validation_ = 1e30;
  int64_t validated_at_ = -1;
};

void print_plan(const Recipe& r, const Corpus& corpus) {
  int64_t tokens = 0, documents = 0;
  for (const auto& source : corpus.sources)
    tokens += source.tokens, documents += static_cast<int64_t>(source.examples.size());
  const auto epoch = make_epoch(corpus.sources, corpus.special, window_rules(r), 0);
  const auto windows = static_cast<double>(epoch.size());
  const int64_t parameters = corpus.card.spec.parameters();
  fmt::print(stderr, "{}: {} on {} documents, {} tokens; {} parameters (d {}, {} layers, vocabulary {}, context {})\n",
             r.name, r.objective.kind, documents, tokens, parameters, r.model.d_model, r.model.n_layers,
             corpus.card.spec.vocab_size, r.model.context);
  fmt::print(stderr,
             "{} steps of {} windows = {:.1f} epochs of {:.0f} windows; about {} MB for weights and optimiser\n",
             r.schedule.steps, r.batch.sequences, static_cast<double>(r.schedule.steps * r.batch.sequences) / windows,
             windows, parameters * 4 * 5 / 1000000);
}

void make_run_directory(const fs::path& out, const std::string& tokenizer_json) {
  std::error_code failed;
  fs::create_directories(out, failed);
  if (failed) throw error(ErrorKind::kIo, "{}: cannot be made: {}", out.string(), failed.message());
  write_file_atomically(out / "tokenizer.json", tokenizer_json);
}

}  // namespace

TrainResult train(const Recipe& given, const TrainOptions& options) {
  Recipe recipe = given;
  choose_sizes(recipe, bytes_of_text(recipe));
  check_recipe(recipe, recipe.name);
  at::set_num_threads(recipe.threads > 0 ? recipe.threads : available_threads());
  Corpus corpus = prepare_corpus(recipe, options.resume);
  print_plan(recipe, corpus);
  if (options.dry_run) return {};
  const BlasReport blas = check_blas();
  if (!blas.correct) throw error(ErrorKind::kUnsupported, "{}", blas.text);
  fmt::print(stderr, "{}\n", blas.text);
  make_run_directory(recipe.out, corpus.card.tokenizer_json);
  return Run(recipe, std::move(corpus), options).execute();
}

}  // namespace pent::train
