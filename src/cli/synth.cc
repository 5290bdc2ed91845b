// pent synth: a random-weight model of a published shape, so that loading, memory and speed can be tried at real size.
#include "model/synth.h"

#include "base/error.h"
#include "cli/command.h"
#include "cli/options.h"
#include "model/shapes.h"
#include "text/byte_alphabet.h"

namespace pent::cli {
namespace {

struct Arguments {
  std::string out;
  std::string family;
  std::string shape = "llada-8b";
  std::string type = "q4_0";
  uint64_t seed = 0;
  int threads = 0;
};

struct StoredType {
  const char* name;
  DType dtype;
};
constexpr StoredType kTypes[] = {{"f32", DType::kF32},   {"f16", DType::kF16},   {"bf16", DType::kBF16},
                                 {"q8_0", DType::kQ8_0}, {"q4_0", DType::kQ4_0}, {"q4_1", DType::kQ4_1}};

std::vector<std::string> type_names() {
  std::vector<std::string> names;
  for (const StoredType& type : kTypes) names.emplace_back(type.name);
  return names;
}

DType find_type(const std::string& name) {
  for (const StoredType& type : kTypes) {
    if (name == type.name) return type.dtype;
  }
  throw error(ErrorKind::kInvalidArgument, "--type {}: not a type that can be written", name);
}

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  for (const PublishedShape& shape : published_shapes()) names.emplace_back(shape.name);
  return names;
}

// Any text can be encoded, byte by byte; the other tokens are there to be predicted.
std::vector<std::string> synthetic_vocabulary(int size) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte)
    append_in_byte_alphabet(std::string(1, static_cast<char>(byte)), tokens.emplace_back());
  while (static_cast<int>(tokens.size()) < size - 2) tokens.push_back(fmt::format("\u0120t{}", tokens.size()));
  tokens.emplace_back("<|endoftext|>");
  tokens.emplace_back("<|mask|>");
  return tokens;
}

// Shapes with experts have a family of their own, which some others share.
std::string family_for(const std::string& wish, const PublishedShape& shape) {
  const std::string own = shape.spec.family.empty() ? "llada" : shape.spec.family;
  if (wish.empty() || wish == own) return own;
  const bool fits = own == "llada" ? wish == "llama" : own == "qwen3moe" && wish == "rnd1";
  if (!fits) throw error(ErrorKind::kInvalidArgument, "--family {} has no shape {}", wish, shape.name);
  return wish;
}

int run(const Arguments& args) {
  if (!args.out.ends_with(".gguf"))
    throw error(ErrorKind::kInvalidArgument, "{}: the file to write must be named .gguf", args.out);
  const PublishedShape& shape = find_published_shape(args.shape);
  RandomGguf model;
  model.spec = shape.spec;
  model.spec.family = family_for(args.family, shape);
  model.spec.shift = model.spec.family == "rnd1";
  model.spec.eos_id = model.spec.vocab_size - 2;
  if (model.spec.family != "llama" && model.spec.family != "qwen3moe") model.spec.mask_id = model.spec.vocab_size - 1;
  model.type = find_type(args.type);
  model.seed = args.seed;
  model.name = fmt::format("{} {} with random weights, seed {}", shape.title, args.type, args.seed);
  model.vocabulary = synthetic_vocabulary(model.spec.vocab_size);
  model.control = 2;
  ThreadPool pool(args.threads);
  write_random_gguf(model, args.out, pool);
  fmt::print("{}\n", args.out);
  return 0;
}

}  // namespace

Action define_synth(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("FILE", args->out, "the .gguf file to write").required();
  line.option("--family", args->family,
              "whose graph: llada (diffusion) or llama (autoregressive); of shapes with experts their own, or rnd1")
      .words({"llada", "llama", "llada2", "qwen3moe", "rnd1"});
  line.option("--shape", args->shape, "the published model whose sizes it has").words(shape_names()).show_default();
  line.option("--type", args->type, "how the matrices are stored; with 4 bits embedding and head are q8_0")
      .words(type_names())
      .show_default();
  line.option("--seed", args->seed, "of the weights").show_default();
  line.option("--threads", args->threads, "threads to draw with; default: what the process may use");
  return [args] { return run(*args); };
}

}  // namespace pent::cli
