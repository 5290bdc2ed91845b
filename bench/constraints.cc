// pent-constraints: constrained generation, many requests with one model, for script/study-constraints.
//
// JSON lines on stdin, {"kind": "regex" | "json_schema" | "grammar" | "none", "text", "seed", "max_tokens", "preset", "steps"}, an answer
// for each on stdout: {"text", "finish_reason", "tokens", "nfe", "seconds", "seconds_before"} or {"refused"}. seconds: of decoding,
// seconds_before: of what comes before it, making the automaton above all.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/thread_pool.h"
#include "engine/generate.h"

namespace pent {
namespace {

Json answer(Model& model, const Json& request) {
  const std::string where = "the request";
  GenerationOptions options{.preset = get_string(request, "preset", where).value_or("")};
  options.seed = static_cast<uint64_t>(get_required_int(request, "seed", where));
  options.max_tokens = static_cast<int>(get_required_int(request, "max_tokens", where));
  options.temperature = get_number(request, "temperature", where).value_or(1);
  if (const auto steps = get_int(request, "steps", where)) options.steps = static_cast<int>(*steps);
  const std::string kind = get_required_string(request, "kind", where),
                    text = get_required_string(request, "text", where);
  if (kind == "regex") options.regex = text;
  if (kind == "json_schema") options.json_schema = text;
  if (kind == "grammar") options.grammar = text;
  try {
    const auto start = std::chrono::steady_clock::now();
    const Generation made = generate(model, make_prompt(model, "Once", "", /*raw=*/true), options);
    const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start;
    return {{"text", made.text},
            {"finish_reason", made.finish_reason},
            {"tokens", made.completion_tokens},
            {"nfe", made.nfe},
            {"seconds", made.seconds},
            {"seconds_before", whole.count() - made.seconds}};
  } catch (const Error& refused) {
    return {{"refused", refused.what()}};
  }
}

int run(const std::string& name, int threads) {
  ThreadPool pool(threads);
  Model model = load_model(name, {}, pool);
  for (std::string line; std::getline(std::cin, line);)
    std::cout << to_json_line(answer(model, parse_json(line, "the request"))) << std::endl;
  return 0;
}

}  // namespace
}  // namespace pent

int main(int argc, char** argv) {
  CLI::App app("constrained generation, JSON lines in and out");
  std::string model = "models/stories";
  int threads = 1;
  app.add_option("-m,--model", model, "the model");
  app.add_option("--threads", threads, "threads")->check(CLI::Range(1, 1024));
  CLI11_PARSE(app, argc, argv);
  try {
    return pent::run(model, threads);
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << '\n';
    return 1;
  }
}
