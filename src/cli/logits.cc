// pent logits: one forward over given tokens, every row's logits to a NumPy file. The door through which parity with other
// implementations is checked.
#include <charconv>

#include "base/error.h"
#include "cli/attention_mask.h"
#include "cli/command.h"
#include "cli/npy.h"
#include "cli/options.h"

namespace pent::cli {
namespace {

struct Arguments {
  ModelOptions model;
  std::string tokens;
  std::string mask;
  std::string out;
};

int run(const Arguments& args) {
  const std::vector<TokenId> tokens = parse_ids(text_argument(args.tokens), "--tokens");
  if (tokens.empty()) throw error(ErrorKind::kInvalidArgument, "--tokens is empty; expected ids such as 13,7,42");
  const std::optional<AttentionMask> asked =
      args.mask.empty() ? std::nullopt : std::optional(parse_attention_mask(args.mask));
  LoadedModel loaded = load(args.model);
  Denoiser& denoiser = *loaded.model.denoiser;
  const ModelSpec& spec = denoiser.spec();
  const auto n = static_cast<int32_t>(tokens.size());
  if (n > spec.max_positions) {
    throw error(ErrorKind::kInvalidArgument, "--tokens has {} ids; the context of {} holds {}", n, loaded.model.name,
                spec.max_positions);
  }
  const AttentionMask own = spec.attention == AttentionKind::kFull ? AttentionMask{.kind = AttentionMask::Kind::kFull}
                            : spec.attention == AttentionKind::kCausal
                                ? AttentionMask{.kind = AttentionMask::Kind::kCausal}
                                : AttentionMask{.kind = AttentionMask::Kind::kBlock, .block = spec.block_size};
  const AttentionMask mask = asked.value_or(own);
  const int32_t sequence = denoiser.open_sequence(n);
  const PassPlan plan = make_pass_plan(mask, sequence, tokens);
  HeadRequest request;
  request.full_logits = true;
  PassResult result;
  denoiser.forward(plan, request, result);
  write_npy(args.out, result.logits, n, spec.vocab_size);
  fmt::print(stderr, "{}: float32 [{}, {}]\n", args.out, n, spec.vocab_size);
  return 0;
}

}  // namespace

Action define_logits(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.option("--tokens", args->tokens, "the ids, separated by commas; - is standard input").required();
  line.option("--out", args->out, "the .npy file to write, float32 [tokens, vocabulary]").required();
  line.option("--mask", args->mask,
              "causal, full, or block:B[:P] (blocks of B after a causal prefix of P); default: the model's own");
  add_model_options(line, args->model);
  return [args] { return run(*args); };
}

}  // namespace pent::cli
