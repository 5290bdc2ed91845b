// pent score: log-likelihoods of continuations or of a text (sample/bound.h): exact for autoregressive models, LLaDA's
// Monte-Carlo bound for diffusion models.
#include <algorithm>
#include <cmath>

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/options.h"
#include "sample/bound.h"

namespace pent::cli {
namespace {

struct Arguments {
  ModelOptions model;
  std::string file;
  bool text = false;
  int window = 512;
  int draws = BoundOptions().draws;
  uint64_t seed = 0;
};

class Scorer {
 public:
  Scorer(Model& model, const Arguments& args) : model_(model), args_(args) {}

  const ModelSpec& spec() const { return model_.denoiser->spec(); }

  // What stands before a text that has nothing before it: an autoregressive model needs something to predict from.
  std::vector<int32_t> beginning() const {
    if (spec().bos_id >= 0) return {spec().bos_id};
    if (spec().is_masked_diffusion()) return {};
    if (spec().eos_id >= 0) return {spec().eos_id};
    throw error(ErrorKind::kUnsupported, "{}: an empty context needs a beginning- or end-of-text token; it has neither",
                model_.name);
  }

  LogLikelihood score(const ScoringItem& item, const std::string& where) const {
    if (interrupt_token().cancelled()) throw error(ErrorKind::kCancelled, "interrupted");
    if (item.target.empty()) return {};
    const size_t length = item.context.size() + item.target.size();
    if (length > static_cast<size_t>(spec().max_positions)) {
      throw error(ErrorKind::kInvalidArgument, "{}: {} tokens; the context of {} holds {}", where, length, model_.name,
                  spec().max_positions);
    }
    if (!spec().is_masked_diffusion()) return ar_log_likelihood(*model_.denoiser, std::span(&item, 1)).front();
    BoundOptions options;
    options.draws = args_.draws;
    options.width = std::min(options.width, options.draws);
    options.seed = args_.seed;
    return diffusion_bound(*model_.denoiser, item, options);
  }

  // As evaluation harnesses do: the pair is tokenised as one text, blanks at the context's end belong to the continuation.
  ScoringItem make_item(std::string context, std::string continuation) const {
    const size_t kept = context.find_last_not_of(" \t\n") + 1;
    continuation.insert(0, context.substr(kept));
    context.resize(kept);
    const std::vector<int32_t> before = model_.tokenizer->encode(context, /*add_special=*/true);
    const std::vector<int32_t> whole = model_.tokenizer->encode(context + continuation, /*add_special=*/true);
    ScoringItem item;
    if (before.empty()) item.context = beginning();
    const auto cut = whole.begin() + static_cast<std::ptrdiff_t>(std::min(before.size(), whole.size()));
    item.context.insert(item.context.end(), whole.begin(), cut);
    item.target.assign(cut, whole.end());
    return item;
  }

 private:
  Model& model_;
  const Arguments& args_;
};

// JSON has no NaN: null where one draw says nothing about the error.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

int score_items(const Scorer& scorer, const std::string& lines, const std::string& name) {
  int number_of_line = 0;
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = std::min(lines.find('\n', begin), lines.size());
    const std::string_view line = std::string_view(lines).substr(begin, end - begin);
    const std::string where = fmt::format("{}:{}", name, ++number_of_line);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const Json object = parse_json(line, where);
    if (!object.is_object())
      throw error(ErrorKind::kCorrupt, "{}: expected an object with context and continuation", where);
    const ScoringItem item = scorer.make_item(get_string(object, "context", where).value_or(""),
                                              get_required_string(object, "continuation", where));
    const LogLikelihood result = scorer.score(item, where);
    fmt::print("{}\n", to_json_line(Json{{"logprob", number(result.log_prob)},
                                         {"tokens", result.tokens},
                                         {"stderr", number(result.standard_error)}}));
    std::fflush(stdout);
  }
  return 0;
}

// Windows of `window` tokens side by side; each sees the one token before it, the first the beginning mark.
int score_text(const Scorer& scorer, const Model& model, const std::string& text, const std::string& name, int window) {
  const std::vector<int32_t> tokens = model.tokenizer->encode(text);
  if (tokens.empty()) throw error(ErrorKind::kInvalidArgument, "{}: no text to score", name);
  double log_prob = 0;
  double variance = 0;
  int windows = 0;
  for (size_t begin = 0; begin < tokens.size(); begin += static_cast<size_t>(window), ++windows) {
    const size_t end = std::min(begin + static_cast<size_t>(window), tokens.size());
    ScoringItem item;
    item.context = begin == 0 ? scorer.beginning() : std::vector<int32_t>{tokens[begin - 1]};
    item.target.assign(tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                       tokens.begin() + static_cast<std::ptrdiff_t>(end));
    const LogLikelihood result = scorer.score(item, name);
    log_prob += result.log_prob;
    variance += result.standard_error * result.standard_error;
  }
  const double count = static_cast<double>(tokens.size());
  fmt::print("{}\n",
             to_json_line(Json{{"schema", 1},
                               {"perplexity", number(std::exp(-log_prob / count))},
                               {"nats_per_token", number(-log_prob / count)},
                               {"stderr", number(std::sqrt(variance) / count)},
                               {"bits_per_byte", number(-log_prob / std::log(2.0) / static_cast<double>(text.size()))},
                               {"tokens", tokens.size()},
                               {"windows", windows},
                               {"exact", !scorer.spec().is_masked_diffusion()},
                               {"model", model.name}}));
  return 0;
}

int run(const Arguments& args) {
  const std::string content = file_argument(args.file);
  const std::string name = args.file == "-" ? "standard input" : args.file;
  LoadedModel loaded = load(args.model);
  const Scorer scorer(loaded.model, args);
  return args.text ? score_text(scorer, loaded.model, content, name, args.window) : score_items(scorer, content, name);
}

}  // namespace

Action define_score(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("FILE", args->file,
                  "JSON lines {\"context\":..., \"continuation\":...}, or with --text a text; - is standard input")
      .required();
  const auto text = line.flag("--text", args->text, "the perplexity of a text (of a diffusion model: its bound)");
  line.option("--window", args->window, "tokens scored at a time with --text")
      .range(1, 1 << 20)
      .needs(text)
      .show_default();
  line.option("--mc", args->draws, "Monte-Carlo draws of the bound").range(1, 1 << 20).show_default();
  line.option("--seed", args->seed, "of the draws").range(0, 0x1p53);
  add_model_options(line, args->model);
  return [args] { return run(*args); };
}

}  // namespace pent::cli
