// The presets, with their papers' defaults; `pent presets` lists them.
#include <algorithm>
#include <array>

#include "sample/preset.h"

namespace pent {
namespace {

constexpr std::array kPresets = {
    Preset{.name = "llada",
           .summary = "masked diffusion: the most confident cells are committed on a fixed schedule, block by block",
           .source = "LLaDA (arXiv:2502.09992), low-confidence remasking; --score random for random remasking",
           .diffusion = true,
           .max_tokens = 128,
           .block_length = 128,
           .steps = 128},
    Preset{.name = "fast-dllm",
           .summary = "masked diffusion: every cell above a confidence threshold is committed at once, block by block",
           .source = "Fast-dLLM (arXiv:2505.22618), confidence-aware parallel decoding with the prefix cache; --cache "
                     "dual, none",
           .diffusion = true,
           .max_tokens = 256,
           .block_length = 32,
           .select = {SelectKind::kThreshold, 0.9},
           .cache = CacheKind::kPrefix},
    Preset{
        .name = "dream",
        .summary = "masked diffusion: the most certain cells of the whole canvas, as many as a time from 1 to 0 says",
        .source = "Dream (arXiv:2508.15487), alg entropy as its authors call it; --order-temperature is alg_temp",
        .diffusion = true,
        .max_tokens = 512,
        .select = {SelectKind::kTimeStep},
        .score = ScoreKind::kEntropy,
        .score_of = ScoreOf::kDraws,
        .temperature = 0.2,
        .top_p = 0.95},
    Preset{.name = "rnd1",
           .summary = "masked diffusion: the most certain cells of the whole canvas, as many in every step",
           .source = "RND1's released generate(), which ranks by entropy",
           .diffusion = true,
           .max_tokens = 256,
           .steps = 256,
           .score = ScoreKind::kEntropy,
           .score_of = ScoreOf::kDraws,
           .temperature = 0.1},
    Preset{.name = "eb",
           .summary = "masked diffusion: as many cells at once as their entropies allow, the most certain first",
           .source = "EB sampler (arXiv:2505.24857); the bound of 0.15 nats is SGLang's, the paper's are 0.001 to 1",
           .diffusion = true,
           .max_tokens = 128,
           .block_length = 128,
           .select = {SelectKind::kEntropyBound, 0.15},
           .score = ScoreKind::kEntropy},
    Preset{
        .name = "llada2",
        .summary = "masked diffusion: all cells above a threshold, or the step's share, in blocks of 32",
        .source = "LLaDA2.0 (arXiv:2512.15745), defaults of its released generate(); finished blocks are cached: exact",
        .diffusion = true,
        .max_tokens = 2048,
        .block_length = 32,
        .steps_per_block = 32,
        .select = {SelectKind::kDynamic, 0.95},
        .score_of = ScoreOf::kDraws,
        .cache = CacheKind::kBlock},
    Preset{.name = "llada2.1",
           .summary =
               "masked diffusion: cells above a threshold, and decided ones of the block are edited until they settle",
           .source =
               "LLaDA2.1's quality mode: threshold 0.7, editing 0.5, at most 16 passes more; --remask none: no edits",
           .diffusion = true,
           .max_tokens = 2048,
           .block_length = 32,
           .select = {SelectKind::kThreshold, 0.7},
           .remask = {RemaskKind::kEdit, 0.5},
           .score_of = ScoreOf::kDraws,
           .cache = CacheKind::kBlock},
    Preset{.name = "llada2.2",
           .summary = "masked diffusion: the same, and the model deletes cells of the block and puts others in",
           .source = "LLaDA2.2's Levenshtein editing with SGLang's JointThresholdInDel: threshold 0.5, any other best "
                     "token overwrites, at most 16 passes more; --remask edit:P or none: cells stay where they are",
           .diffusion = true,
           .max_tokens = 2048,
           .block_length = 32,
           .select = {SelectKind::kThreshold, 0.5},
           .remask = {RemaskKind::kLevenshtein, 0},
           .score_of = ScoreOf::kDraws,
           .cache = CacheKind::kBlock},
    Preset{.name = "daedal",
           .summary =
               "masked diffusion whose canvas grows: longer until an end is in sight, and where it is least certain",
           .source = "DAEDAL (arXiv:2508.00819), as its authors run it; --length MIN..MAX for other lengths",
           .diffusion = true,
           .max_tokens = 2048,
           .length = {LengthKind::kDaedal, kDaedalInitial},
           .block_length = 32,
           .select = {SelectKind::kThreshold, 0.9}},
    Preset{
        .name = "dreamon",
        .summary =
            "masked diffusion of holes that the model makes longer, a cell at a time, and ends where their text does",
        .source = "DreamOn (arXiv:2602.01326) as its authors evaluate it: entropy, one cell a forward, from 4 cells to "
                  "64; an "
                  "end token takes the masks behind it away",
        .diffusion = true,
        .max_tokens = 64,
        .length = {LengthKind::kDreamOn, 4},
        .score = ScoreKind::kEntropy,
        .score_of = ScoreOf::kDraws,
        .temperature = 0.2,
        .top_p = 0.9},
    Preset{.name = "mdlm",
           .summary = "masked diffusion: each cell is decided at a time of its own, drawn before the model is asked",
           .source = "MDLM (arXiv:2406.07524), ancestral sampler with its cache of unchanged steps",
           .diffusion = true,
           .max_tokens = 1024,
           .steps = 128,
           .select = {SelectKind::kAncestral},
           .temperature = 1},
    Preset{.name = "diffugpt",
           .summary = "masked diffusion: MDLM's sampler in 64 steps, a little cooler",
           .source = "DiffuGPT (arXiv:2410.17891), the values of its released inference script",
           .diffusion = true,
           .max_tokens = 256,
           .steps = 64,
           .select = {SelectKind::kAncestral},
           .temperature = 0.95,
           .top_p = 0.9},
    Preset{.name = "diffullama",
           .summary = "masked diffusion: the same, cooler still",
           .source = "DiffuLLaMA (arXiv:2410.17891), the values of its released inference script",
           .diffusion = true,
           .max_tokens = 256,
           .steps = 64,
           .select = {SelectKind::kAncestral},
           .temperature = 0.9,
           .top_p = 0.9},
    Preset{.name = "remdm",
           .summary = "masked diffusion: MDLM's sampler, and decided cells are opened again with a small probability",
           .source = "ReMDM (arXiv:2503.00307), cap schedule, eta 0.008, nucleus 0.9; --remask for its other schedules",
           .diffusion = true,
           .max_tokens = 1024,
           .select = {SelectKind::kAncestral},
           .remask = {RemaskKind::kCap, 0.008},
           .temperature = 1,
           .top_p = 0.9},
    Preset{.name = "p2",
           .summary = "masked diffusion: every step scores all cells anew, decided or not, and keeps the best",
           .source = "P2 (arXiv:2502.03540), with Open-dCoder's settings",
           .diffusion = true,
           .max_tokens = 128,
           .steps = 128,
           .remask = {RemaskKind::kPathPlanning},
           .score_of = ScoreOf::kDraws,
           .temperature = 0.5,
           .top_k = 200},
    Preset{
        .name = "wino",
        .summary = "masked diffusion: many cells at once by a low threshold, and those not confirmed are opened again",
        .source = "WINO (arXiv:2507.18578), thresholds 0.6 and 0.9 as its authors use them with LLaDA; each forward "
                  "computes the block twice",
        .diffusion = true,
        .max_tokens = 256,
        .block_length = 128,
        .select = {SelectKind::kThreshold, 0.6},
        .remask = {RemaskKind::kWino, 0.9}},
    Preset{.name = "sdar",
           .summary = "masked diffusion in the model's own blocks, left to right: every cell above a threshold at once",
           .source = "SDAR (arXiv:2510.06303), low_confidence_dynamic; finished blocks are cached, which is exact",
           .diffusion = true,
           .max_tokens = 256,
           .select = {SelectKind::kThreshold, 0.9},
           .score_of = ScoreOf::kDraws,
           .cache = CacheKind::kBlock,
           .temperature = 1},
    Preset{.name = "fast-dllm-v2",
           .summary = "the same in sub-blocks of 8; a block's first token comes from the block before it",
           .source = "Fast-dLLM v2 (arXiv:2509.26328); --cache sub-block for its approximate second cache",
           .diffusion = true,
           .max_tokens = 256,
           .block_length = 8,
           .select = {SelectKind::kThreshold, 0.9},
           .score_of = ScoreOf::kDraws,
           .cache = CacheKind::kBlock,
           .top_p = 0.95},
    Preset{.name = "diffusion-gemma",
           .summary = "canvases of random tokens: what is certain together stays for a step, all else is random again",
           .source = "DiffusionGemma as transformers decodes it: entropy bound 0.1, temperature 0.8 to 0.4, ended when "
                     "settled; finished canvases are cached: exact",
           .diffusion = true,
           .max_tokens = 8192,
           .steps_per_block = 48,
           .select = {SelectKind::kEntropyBound, 0.1},
           .remask = {RemaskKind::kRenoise},
           .score = ScoreKind::kEntropy,
           .cache = CacheKind::kBlock,
           .temperature = 0.8,
           .final_temperature = 0.4,
           .settle = {1, 0.005}},
    Preset{.name = "ar",
           .summary = "autoregressive: one token after the other; greedy, or temperature, top-k and top-p",
           .source = "next-token sampling; nucleus: arXiv:1904.09751",
           .diffusion = false,
           .max_tokens = 512},
};

}  // namespace

std::span<const Preset> presets() { return kPresets; }

bool fits(const Preset& preset, const ModelSpec& spec) {
  if (!preset.diffusion) return !spec.is_diffusion();
  if (preset.remask.kind == RemaskKind::kLevenshtein) return spec.edits_length();
  if (preset.length.kind == LengthKind::kDreamOn) return spec.expands_holes();
  return preset.remask.kind == RemaskKind::kRenoise ? spec.canvas_length > 0 : spec.is_masked_diffusion();
}

const Preset* find_preset(std::string_view name) {
  const auto found =
      std::find_if(kPresets.begin(), kPresets.end(), [&](const Preset& each) { return each.name == name; });
  return found == kPresets.end() ? nullptr : &*found;
}

}  // namespace pent
