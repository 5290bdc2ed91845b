// pent-quality: how good are the samples of a story model, beside its autoregressive twins and beside real texts?
//
// Samples for twenty openings and seeds 1 … N are judged by another model: perplexity, read together with unigram entropy.
// With --fill: held-out texts with one sentence cut out, filled by the model or by a random sentence of that length; the judge
// says which it finds likelier. One JSON document on stdout, progress on stderr. Everything is seeded.
#include "eval/quality.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "base/cancel.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "engine/generate.h"
#include "eval/infilling.h"
#include "eval/openings.h"
#include "sample/preset.h"

namespace pent {
namespace {

struct Arguments {
  std::string model = "models/stories";
  std::vector<std::string> twins;
  std::string judge = "smollm2-135m-instruct";
  std::string heldout;
  std::string samples_file;
  int seeds = 100, first_seed = 1;
  int fillings = 100;
  double hole_at = 0.5;
  bool fill = false;
  int width = 8;
  int threads = 0;
  GenerationOptions diffusion, ar;
};

void say(const std::string& line) { fmt::print(stderr, "{}\n", line); }

// What is decided by the model's own defaults and what by options, made explicit.
Json to_json(const SamplingParams& params, int best_of) {
  Json json = {{"preset", params.preset},
               {"max_tokens", params.max_tokens},
               {"temperature", shortest_decimal(params.temperature)},
               {"top_p", shortest_decimal(params.top_p)},
               {"top_k", params.top_k}};
  if (params.min_p > 0) json["min_p"] = shortest_decimal(params.min_p);
  if (params.repetition_penalty != 1) {
    json["repetition_penalty"] = shortest_decimal(params.repetition_penalty);
    json["repetition_window"] = params.repetition_window;
  }
  if (best_of > 1) json["best_of"] = best_of;
  if (!params.diffusion) return json;
  json["block_length"] = params.block_length;
  json["score"] = to_string(params.score);
  json["cache"] = to_string(params.cache);
  if (params.threshold) json["threshold"] = *params.threshold;
  if (params.steps_per_block > 0) json["steps_per_block"] = params.steps_per_block;
  if (params.steps > 0) json["steps"] = params.steps;
  return json;
}

Json to_json(const JudgedTexts& judged) {
  return {{"judge_perplexity", judged.perplexity},
          {"unigram_entropy", judged.unigram_entropy},
          {"pooled_unigram_entropy", judged.pooled_unigram_entropy},
          {"judge_tokens", judged.tokens},
          {"texts", judged.texts},
          {"empty_texts", judged.empty_texts}};
}

class Quality {
 public:
  explicit Quality(const Arguments& args) : args_(args), pool_(args.threads) {
    judge_ = load_model(args.judge, {}, pool_);
    if (!args.heldout.empty()) heldout_ = parse_heldout(read_file(args.heldout), args.heldout);
    if (!args.samples_file.empty()) {
      samples_.open(args.samples_file);
      if (!samples_) throw error(ErrorKind::kIo, "{}: cannot be written", args.samples_file);
    }
  }

  Json run() {
    Json report = {{"schema", 1}, {"judge", args_.judge}};
    if (args_.seeds > 0) report["samples"] = compare();
    if (args_.fill) report["infilling"] = compare_fillings();
    return report;
  }

 private:
  Json compare() {
    Json models = Json::array();
    models.push_back(judge_samples(args_.model, args_.diffusion));
    for (const std::string& twin : args_.twins) models.push_back(judge_samples(twin, args_.ar));
    Json json = {{"openings", kStoryOpenings.size()}, {"seeds", args_.seeds}, {"first_seed", args_.first_seed}};
    for (size_t twin = 1; twin < models.size(); ++twin) {
      const auto ratio = [&](const char* key) {
        return models[0][key].get<double>() / models[twin][key].get<double>();
      };
      json["ratios"].push_back({{"to", models[twin]["model"]},
                                {"judge_perplexity", ratio("judge_perplexity")},
                                {"unigram_entropy", ratio("unigram_entropy")},
                                {"pooled_unigram_entropy", ratio("pooled_unigram_entropy")}});
    }
    json["models"] = std::move(models);
    if (!heldout_.empty()) json["real"] = judge_real();
    return json;
  }

  Json judge_samples(const std::string& name, const GenerationOptions& options) {
    Model model = load_model(name, {}, pool_);
    std::vector<BatchItem> items;
    for (int seed = args_.first_seed; seed < args_.first_seed + args_.seeds; ++seed)
      for (const std::string_view opening : kStoryOpenings)
        items.push_back({make_prompt(model, std::string(opening), {}, /*raw=*/false), static_cast<uint64_t>(seed), 0});
    size_t ended = 0, done = 0;
    const TraceSink progress = [&](const TraceEvent& event) {
      if (event.kind == TraceEvent::Kind::kEnd && ++done % 20 == 0)
        say(fmt::format("{}: {} of {}", name, done, items.size()));
    };
    const std::vector<Generation> answers =
        generate_batch(model, items, options, args_.width, progress, &interrupt_token());
    if (interrupt_token().cancelled()) throw error(ErrorKind::kCancelled, "interrupted");
    std::vector<std::string> texts;
    int64_t tokens = 0, nfe = 0;
    for (size_t i = 0; i < answers.size(); ++i) {
      const Generation& answer = answers[i];
      texts.push_back(answer.text);
      tokens += answer.completion_tokens;
      nfe += answer.nfe;
      ended += answer.finish_reason == "stop";
      if (samples_.is_open())
        samples_ << to_json_line({{"model", name},
                                  {"seed", answer.seed},
                                  {"opening", kStoryOpenings[i % kStoryOpenings.size()]},
                                  {"finish_reason", answer.finish_reason},
                                  {"text", answer.text}})
                 << '\n';
    }
    say(fmt::format("{}: judging", name));
    Json json = {{"model", name}, {"family", model.denoiser->spec().family}, {"mode", to_string(answers.at(0).mode)}};
    json["options"] =
        to_json(resolved_params(model, options, static_cast<int>(items[0].prompt.size())), options.best_of);
    json.update(to_json(judge_texts(judge_, texts, args_.width)));
    const auto count = static_cast<double>(answers.size());
    json["ended_by_themselves"] = static_cast<double>(ended) / count;
    json["tokens_per_sample"] = static_cast<double>(tokens) / count;
    json["tokens_per_forward"] = static_cast<double>(tokens) / static_cast<double>(std::max<int64_t>(nfe, 1));
    return json;
  }

  // Held-out stories, as long as the files have them.
  Json judge_real() {
    std::vector<std::string> texts;
    for (const HeldOutText& text : heldout_)
      if (text.is_story) texts.push_back(text.text);
    say("held-out stories: judging");
    return to_json(judge_texts(judge_, texts, args_.width));
  }

  Json compare_fillings() {
    if (heldout_.empty()) throw error(ErrorKind::kInvalidArgument, "--fill needs --heldout FILE with texts in it");
    Model model = load_model(args_.model, {}, pool_);
    const int room =
        model.denoiser->spec().max_positions - 8;  // sentences are tokenised apart: a few tokens may come on top
    const std::vector<InfillingTask> tasks =
        make_infilling_tasks(heldout_, *model.tokenizer, room, args_.fillings, args_.hole_at, /*seed=*/1);
    const GenerationOptions options = fill_options();
    std::vector<std::string> filled, random, original;
    for (const InfillingTask& task : tasks) {
      filled.push_back(fill(model, task.fill_template(), options, {}, {}, &interrupt_token()).generation.text);
      if (interrupt_token().cancelled()) throw error(ErrorKind::kCancelled, "interrupted");
      random.push_back(task.with(task.random));
      original.push_back(task.with(task.original));
      if (samples_.is_open())
        samples_ << to_json_line({{"filled", filled.back()}, {"random", task.random}, {"original", task.original}})
                 << '\n';
      if (filled.size() % 20 == 0) say(fmt::format("fillings: {} of {}", filled.size(), tasks.size()));
    }
    const std::vector<double> ours = judge_texts(judge_, filled, args_.width).nll;
    const std::vector<double> theirs = judge_texts(judge_, random, args_.width).nll;
    const std::vector<double> real = judge_texts(judge_, original, args_.width).nll;
    int preferred = 0, real_preferred = 0, stories = 0, hole_tokens = 0;
    for (size_t i = 0; i < tasks.size(); ++i) {
      preferred += ours[i] < theirs[i];
      real_preferred += real[i] < theirs[i];
      stories += tasks[i].is_story;
      hole_tokens += tasks[i].hole_tokens;
    }
    return {{"texts", tasks.size()},
            {"of_these_stories", stories},
            {"hole_tokens", hole_tokens},
            {"options", to_json(resolved_params(model, options, 0), options.best_of)},
            {"filling_preferred_to_random_sentence", preferred},
            {"original_preferred_to_random_sentence", real_preferred}};
  }

  // What was asked for, else the likeliest sentence the model can think of: greedy, one token per forward, left to right.
  GenerationOptions fill_options() const {
    GenerationOptions options = args_.diffusion;
    options.max_tokens.reset();
    if (options.preset.empty()) options.preset = "llada";
    if (!options.block_length) options.block_length = 1;
    if (!options.temperature) options.temperature = 0.0;
    options.seed = 1;
    return options;
  }

  const Arguments& args_;
  ThreadPool pool_;
  Model judge_;
  std::vector<HeldOutText> heldout_;
  std::ofstream samples_;
};

void define(CLI::App& app, Arguments& args) {
  app.add_option("-m,--model", args.model, "the diffusion model")->capture_default_str();
  app.add_option("--twin", args.twins, "an autoregressive model to compare with (may be repeated)");
  app.add_option("--judge", args.judge, "the autoregressive model that judges")->capture_default_str();
  app.add_option("--heldout", args.heldout, "held-out texts, JSON lines {prompt, text, finish}");
  app.add_option("--seeds", args.seeds, "how many seeds for each of the openings; 0: no samples")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  app.add_option("--first-seed", args.first_seed, "where they begin; choose settings on other seeds than you report")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  app.add_flag("--fill", args.fill, "infilling too");
  app.add_option("--fillings", args.fillings, "how many texts to fill")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--hole-at", args.hole_at,
                 "where in a text the sentence is cut out, 0 to 1; choose settings elsewhere than you report")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--samples", args.samples_file, "write every sample to this file as JSON lines");
  app.add_option("--width", args.width, "sequences per forward")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--threads", args.threads, "0: all there are");
  app.add_option("--preset", args.diffusion.preset, "of the diffusion model; its other defaults are the model's own");
  app.add_option("--steps", args.diffusion.steps, "of the diffusion model");
  app.add_option("--block-length", args.diffusion.block_length, "of the diffusion model");
  app.add_option("--threshold", args.diffusion.threshold, "of the diffusion model");
  app.add_option("--score", args.diffusion.score, "of the diffusion model");
  app.add_option("--cache", args.diffusion.cache, "of the diffusion model");
  app.add_option("--temperature", args.diffusion.temperature, "of the diffusion model");
  app.add_option("--top-p", args.diffusion.top_p, "of the diffusion model");
  app.add_option("--best-of", args.diffusion.best_of, "of the diffusion model");
  app.add_option("--twin-temperature", args.ar.temperature, "of the twins");
  app.add_option("--twin-top-p", args.ar.top_p, "of the twins");
  const auto both = [&args](int tokens) { args.diffusion.max_tokens = args.ar.max_tokens = tokens; };
  app.add_option_function<int>("--max-tokens", both, "of both");
}

}  // namespace
}  // namespace pent

int main(int argc, char** argv) {
  CLI::App app("Quality of samples and fillings, by a judge");
  pent::Arguments args;
  pent::define(app, args);
  CLI11_PARSE(app, argc, argv);
  pent::install_interrupt_handler();
  try {
    fmt::print("{}\n", pent::Quality(args).run().dump(2));
    return 0;
  } catch (const std::exception& problem) {
    fmt::print(stderr, "pent-quality: {}\n", problem.what());
    return pent::interrupt_signal() != 0 ? 128 + pent::interrupt_signal() : 1;
  }
}
