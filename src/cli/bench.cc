// pent bench: how fast this machine is with a model, beside what it could do at most (eval/speed.h), and how far its packed
// weights are from float32 (eval/accuracy.h).
#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/embedded.h"
#include "cli/options.h"
#include "engine/cost_curve.h"
#include "eval/accuracy.h"
#include "eval/speed.h"
#include "model/weights.h"

namespace pent::cli {
namespace {

struct Arguments {
  std::string what, weights = "q8";
  ModelOptions model;
  bool json = false;
  int rounds = 5;
  int prefix = 256, rows = 512, at = 0;
  int canvas = 256, steps = 64, block_length = 32;
  std::string text;
  int window = 512, windows = 32;
};

Json to_json(const MachineLimits& limits, int threads) {
  return {{"threads", threads},
          {"kernels", kernels::active_kernel_set().name},
          {"int8_gops", limits.int8_ops / 1e9},
          {"read_gb_per_s", limits.read_bytes / 1e9},
          {"clock_ghz", limits.clock_hz / 1e9},
          {"ops_per_cycle", limits.ops_per_cycle}};
}

void print_limits(const Json& limits) {
  fmt::print("limits: int8 {:.0f} Gop/s ({:.0f} a cycle and core at {:.2f} GHz), memory {:.1f} GB/s; {} threads, {}\n",
             limits["int8_gops"].get<double>(), limits["ops_per_cycle"].get<double>(),
             limits["clock_ghz"].get<double>(), limits["read_gb_per_s"].get<double>(), limits["threads"].get<int>(),
             limits["kernels"].get<std::string>());
}

// Each part prints its figures as it measures them, unless --json wants them at the end.
Json bench_kernels(const Arguments& args, ThreadPool& pool, const MachineLimits& limits) {
  using Format = kernels::PackedMatrix::Format;
  const Format format = args.weights == "q8" ? Format::kQ8 : args.weights == "q4_0" ? Format::kQ4_0 : Format::kQ4_1;
  Json out = Json::array();
  if (!args.json)
    fmt::print("{:<16}{:>12}{:>6}{:>12}{:>10}{:>10}\n", args.weights + " product", "n x k", "rows", "us", "of int8",
               "of roof");
  std::map<int64_t, std::pair<double, double>> sums;  // rows: operations, seconds
  std::vector<MatmulShape> shapes;
  for (const char* name : {"smollm2-135m", "qwen2.5-0.5b", "llada-8b"}) {
    const std::vector<MatmulShape> of_model = matmul_shapes(find_published_shape(name));
    shapes.insert(shapes.end(), of_model.begin(), of_model.end());
  }
  for (const MatmulShape& shape : shapes) {
    for (const int64_t rows : {1, 2, 4, 8, 64, 256, 512}) {
      const MatmulSpeed speed = time_matmul(pool, limits, format, shape, rows, /*beyond_cache=*/rows <= 8, args.rounds);
      sums[rows].first += 2.0 * static_cast<double>(rows * shape.n * shape.k);
      sums[rows].second += speed.seconds;
      out.push_back({{"model", shape.model},
                     {"n", shape.n},
                     {"k", shape.k},
                     {"rows", rows},
                     {"seconds", speed.seconds},
                     {"int8_share", speed.int8_share},
                     {"roof_share", speed.roof_share}});
      if (!args.json)
        fmt::print("{:<16}{:>12}{:>6}{:>12.1f}{:>9.1f}%{:>9.1f}%\n", shape.model,
                   fmt::format("{} x {}", shape.n, shape.k), rows, speed.seconds * 1e6, 100 * speed.int8_share,
                   100 * speed.roof_share);
    }
  }
  if (!args.json)
    for (const auto& [rows, sum] : sums)
      fmt::print("all shapes, {:>3} rows: {:.1f} % of int8\n", rows, 100 * sum.first / limits.int8_ops / sum.second);
  return out;
}

Json bench_rows(const Arguments& args, Model& model, PassTimes& times) {
  std::vector<int> rows;
  for (int r = 1; r <= args.rows; r *= 2)
    if (args.prefix + r <= model.denoiser->spec().max_positions) rows.push_back(r);
  if (rows.empty()) rows = {1};  // refused there, with the reason
  const std::vector<RowCost> costs = time_rows(model, times, args.prefix, rows, args.rounds);
  Json out = Json::array();
  const bool experts = model.denoiser->spec().moe.n_experts > 0;
  if (!args.json)
    fmt::print("{:>6}{:>10}{:>10}{:>9}{:>11}{:>7}{}\n", "rows", "ms", "T/T(1)", "matmul", "attention", "head",
               experts ? "  experts" : "");
  int free_rows = 1;
  for (const RowCost& cost : costs) {
    const double ratio = cost.seconds / costs[0].seconds;
    if (ratio <= 1.1) free_rows = cost.rows;
    out.push_back({{"rows", cost.rows},
                   {"seconds", cost.seconds},
                   {"ratio", ratio},
                   {"matmul", cost.shares.matmul},
                   {"attention", cost.shares.attention},
                   {"experts", cost.shares.experts},
                   {"head", cost.shares.head}});
    if (!args.json)
      fmt::print("{:>6}{:>10.2f}{:>10.2f}{:>8.0f}%{:>10.0f}%{:>6.0f}%{}\n", cost.rows, cost.seconds * 1e3, ratio,
                 100 * cost.shares.matmul, 100 * cost.shares.attention, 100 * cost.shares.head,
                 experts ? fmt::format("{:>8.0f}%", 100 * cost.shares.experts) : "");
  }
  // A diffusion step over r rows is worth T(r)/T(1) tokens of autoregression.
  std::vector<RowSeconds> points;
  for (const RowCost& cost : costs) points.push_back({cost.rows, cost.seconds});
  const CostCurve curve(std::move(points));
  const auto worth = [&](double r) { return curve.seconds(r) / costs[0].seconds; };
  Json even = Json::array();
  if (costs.size() > 1) {
    if (!args.json)
      fmt::print(
          "\ntokens a forward at which diffusion breaks even with autoregression, canvas {}:\n{:>8}{:>8}{:>8}{:>8}\n",
          args.canvas, "block", "none", "prefix", "dual");
    for (const int block : {4, 8, 16, 32, 64}) {
      if (block > args.canvas) continue;
      double prefix = 0;
      int blocks = 0;
      for (int begin = 0; begin < args.canvas; begin += block, ++blocks) prefix += worth(args.canvas - begin);
      const double none = worth(args.canvas), dual = worth(block);
      prefix /= blocks;
      even.push_back({{"block_length", block}, {"none", none}, {"prefix", prefix}, {"dual", dual}});
      if (!args.json) fmt::print("{:>8}{:>8.1f}{:>8.1f}{:>8.1f}\n", block, none, prefix, dual);
    }
    if (!args.json) fmt::print("free rows (at most 1.1 T(1)): {}\n", free_rows);
  }
  return {{"prefix", args.prefix}, {"curve", out}, {"free_rows", free_rows}, {"break_even", even}};
}

Json bench_forward(const Arguments& args, Model& model, const MachineLimits& limits) {
  Json out = Json::array();
  for (const int rows : args.at > 0 ? std::vector{args.at} : std::vector{64, 256, 512}) {
    if (args.at == 0 && rows > model.denoiser->spec().max_positions) continue;
    const double seconds = time_prompt(model, rows, args.rounds);
    // Two operations for each weight that a row is multiplied with; attention comes on top and is not counted.
    const ModelSpec& spec = model.denoiser->spec();
    const double weights =
        static_cast<double>(spec.active_parameters()) - static_cast<double>(spec.vocab_size) * spec.d_model;
    const double share = 2 * weights * rows / seconds / limits.int8_ops;
    out.push_back({{"rows", rows}, {"seconds", seconds}, {"tokens_per_second", rows / seconds}, {"int8_share", share}});
    if (!args.json)
      fmt::print("forward of {:>3} rows: {:.1f} ms, {:.0f} tokens/s, products at {:.1f} % of int8\n", rows,
                 seconds * 1e3, rows / seconds, 100 * share);
  }
  return out;
}

Json bench_decode(const Arguments& args, Model& model, const MachineLimits& limits, double weight_bytes) {
  Json out = Json::array();
  for (const int streams : args.at > 0 ? std::vector{args.at} : std::vector{1, 4, 16, 32}) {
    const double speed = time_decode(model, streams, /*tokens=*/32, std::max(1, args.rounds / 2));
    const double share = speed / streams * weight_bytes / limits.read_bytes;
    out.push_back({{"streams", streams}, {"tokens_per_second", speed}, {"read_share", share}});
    if (!args.json)
      fmt::print("{:>2} streams: {:.0f} tokens/s, weights read at {:.0f} % of the memory's speed\n", streams, speed,
                 100 * share);
  }
  return out;
}

Json bench_denoise(const Arguments& args, Model& model) {
  Json out = Json::array();
  for (const DenoiseSpeed& speed : time_denoise(model, args.canvas, args.steps, args.block_length, args.rounds)) {
    out.push_back({{"cache", to_string(speed.cache)},
                   {"exact", is_exact(speed.cache)},
                   {"seconds", speed.seconds},
                   {"tokens_per_second", args.canvas / speed.seconds},
                   {"nfe", speed.nfe},
                   {"rows", speed.rows},
                   {"differing_tokens", speed.differing}});
    if (!args.json)
      fmt::print("canvas {}, {} steps, block {}, cache {:<7} {:.3f} s, {:.0f} tokens/s, {} rows; {} tokens differ\n",
                 args.canvas, args.steps, args.block_length, std::string(to_string(speed.cache)) + ":", speed.seconds,
                 args.canvas / speed.seconds, speed.rows, speed.differing);
  }
  return out;
}

// Loads the model twice: as it runs, and in float32.
Json bench_accuracy(const Arguments& args, ThreadPool& pool) {
  const std::string text = file_argument(args.text);
  Model packed = load_model(args.model.model, embedded_models(), pool);
  const Model precise = load_model(args.model.model, embedded_models(), pool, {.precise = true});
  const Accuracy accuracy = compare_with_precise(*packed.denoiser, *precise.denoiser, packed.tokenizer->encode(text),
                                                 args.window, args.windows);
  if (!args.json)
    fmt::print(
        "{} windows of {} tokens, {} rows: KL from float32 {:.5f} +- {:.5f} nats, same best token {:.2f} %, perplexity "
        "{:.3f}, float32 {:.3f} ({:+.2f} %)\n",
        accuracy.windows, args.window, accuracy.rows, accuracy.kl, accuracy.kl_error, 100 * accuracy.same_best,
        accuracy.perplexity, accuracy.precise_perplexity,
        100 * (accuracy.perplexity / accuracy.precise_perplexity - 1));
  return {{"model", packed.name},
          {"windows", accuracy.windows},
          {"window", args.window},
          {"rows", accuracy.rows},
          {"kl", accuracy.kl},
          {"kl_stderr", accuracy.kl_error},
          {"same_best", accuracy.same_best},
          {"perplexity", accuracy.perplexity},
          {"precise_perplexity", accuracy.precise_perplexity}};
}

int run(const Arguments& args) {
  if ((args.what == "accuracy") == args.text.empty())
    throw error(ErrorKind::kInvalidArgument, "{}",
                args.text.empty() ? "bench accuracy needs a text: --text FILE" : "--text belongs to bench accuracy");
  ThreadPool pool(args.model.threads);
  if (args.what == "accuracy") {
    const Json facts = {{"schema", 1}, {"bench", args.what}, {"accuracy", bench_accuracy(args, pool)}};
    if (args.json) fmt::print("{}\n", to_json_line(facts));
    return 0;
  }
  if (!args.json) fmt::print(stderr, "measuring; other work on this machine makes every figure worse\n");
  const MachineLimits limits = measure_limits(pool);
  Json facts = {{"schema", 1}, {"bench", args.what}, {"limits", to_json(limits, pool.threads())}};
  if (!args.json) print_limits(facts["limits"]);
  if (args.what == "kernels") {
    facts["kernels"] = bench_kernels(args, pool, limits);
  } else {
    PassTimes times;
    Model model =
        load_model(args.model.model, embedded_models(), pool, {.times = &times, .precise = args.model.precise});
    using Format = kernels::PackedMatrix::Format;
    const double weight_bytes =
        packed_bytes(model.files, model.denoiser->spec(), args.model.precise ? Format::kF32 : Format::kQ8);
    facts["model"] = model.name;
    if (args.what == "rows") facts["rows"] = bench_rows(args, model, times);
    if (args.what == "forward") facts["forward"] = bench_forward(args, model, limits);
    if (args.what == "decode") facts["decode"] = bench_decode(args, model, limits, weight_bytes);
    if (args.what == "denoise") facts["denoise"] = bench_denoise(args, model);
  }
  if (args.json) fmt::print("{}\n", to_json_line(facts));
  return 0;
}

}  // namespace

Action define_bench(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("WHAT", args->what,
                  "kernels: products; rows: what a row more costs; forward: a prompt; decode: token after token; "
                  "denoise: a canvas; accuracy: how far from float32")
      .words({"kernels", "rows", "forward", "decode", "denoise", "accuracy"})
      .required();
  add_model_options(line, args->model);
  line.flag("--json", args->json, "one JSON document");
  line.option("--rounds", args->rounds, "timings of each, of which the median counts").range(1, 1000).show_default();
  line.option("--weights", args->weights, "kernels: q8, q4_0 or q4_1").words({"q8", "q4_0", "q4_1"}).show_default();
  line.option("--prefix", args->prefix, "rows: cached positions before the first row").range(0, 1 << 20).show_default();
  line.option("--rows", args->rows, "rows: up to so many").range(1, 1 << 16).show_default();
  line.option("--at", args->at, "forward: only so many rows; decode: only so many streams").range(1, 1 << 16);
  line.option("--canvas", args->canvas, "rows, denoise: cells").range(1, 1 << 20).show_default();
  line.option("--steps", args->steps, "denoise: denoising steps in total").range(1, 1 << 20).show_default();
  line.option("--block-length", args->block_length, "denoise: cells of a block").range(1, 1 << 20).show_default();
  line.option("--text", args->text, "accuracy: the file of the text; - is standard input");
  line.option("--window", args->window, "accuracy: tokens of a window, of which the second half counts")
      .range(4, 1 << 20)
      .show_default();
  line.option("--windows", args->windows, "accuracy: so many, spread over the text").range(1, 1 << 20).show_default();
  return [args] { return run(*args); };
}

}  // namespace pent::cli
