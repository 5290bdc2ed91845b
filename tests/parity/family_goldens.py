"""Tiny random checkpoints of published families (tests/golden/tiny-NAME), in the published naming and config form, and what
transformers' classes make of them: Llama, Qwen2, Qwen3 and GPT-2 themselves; Dream, Open-dCoder, DiffuLLaMA, DiffuGPT, Tiny-A2D,
SDAR and Fast-dLLM v2 as the class they descend from with an additive 4-D mask (full or block-causal) and, for decoding, the
papers' loops of the last two written anew.
Run by `script/parity families`; needs requirements-families.txt."""

import json

import numpy
import torch
from safetensors.torch import save_file
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM)

from common import GOLDEN, PARITY, write_tensors
from tiny_vocabulary import BOS, EOS, MASK, SPECIAL, VOCAB, dump, write_tokenizer

SAFE = 2e-4  # least margin between what was chosen and what nearly was, in a decoded golden

SMALL = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             vocab_size=VOCAB, max_position_embeddings=128, rope_theta=10000.0, rms_norm_eps=1e-6,
             tie_word_embeddings=False, bos_token_id=BOS, eos_token_id=EOS, attn_implementation="eager")
LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
LINEAR = {"rope_type": "linear", "factor": 2.5}
GPT2 = dict(n_embd=32, n_layer=2, n_head=4, n_positions=128, vocab_size=VOCAB, layer_norm_epsilon=1e-5,
            activation_function="gelu_new", bos_token_id=EOS, eos_token_id=EOS)
A2D = {"mask_token_id": MASK}

# name: (config class, model class, overrides, seed, storage, attention, published architecture, model_type, extra keys)
FAMILIES = {
    "tiny-llama3": (LlamaConfig, LlamaForCausalLM, dict(attention_bias=True, rope_scaling=LLAMA3, rms_norm_eps=1e-5), 101,
                    torch.bfloat16, "causal", "LlamaForCausalLM", "llama", {}),
    "tiny-llama-linear": (LlamaConfig, LlamaForCausalLM, dict(rope_scaling=LINEAR, tie_word_embeddings=True), 102,
                          torch.float16, "causal", "LlamaForCausalLM", "llama", {}),
    "tiny-qwen2": (Qwen2Config, Qwen2ForCausalLM, dict(rope_scaling=YARN, tie_word_embeddings=True), 103, torch.bfloat16,
                   "causal", "Qwen2ForCausalLM", "qwen2", {}),
    "tiny-qwen3": (Qwen3Config, Qwen3ForCausalLM, dict(head_dim=12), 104, torch.bfloat16, "causal", "Qwen3ForCausalLM",
                   "qwen3", {}),
    "tiny-dream": (Qwen2Config, Qwen2ForCausalLM, {}, 105, torch.bfloat16, "full", "DreamModel", "Dream",
                   {"mask_token_id": MASK}),
    "tiny-open-dcoder": (Qwen2Config, Qwen2ForCausalLM, dict(tie_word_embeddings=True), 106, torch.bfloat16, "full",
                         "Qwen2ForCausalLM", "qwen2", {"mask_token_id": MASK}),
    "tiny-sdar": (Qwen3Config, Qwen3ForCausalLM, dict(head_dim=16), 107, torch.bfloat16, 4, "SDARForCausalLM", "sdar",
                  {"block_size": 4, "mask_token_id": MASK, "fuse_cross_entropy": True}),
    "tiny-fast-dllm-v2": (Qwen2Config, Qwen2ForCausalLM, {}, 108, torch.bfloat16, 16, "Fast_dLLM_QwenForCausalLM",
                          "Fast_dLLM_Qwen", {"bd_size": 16, "conplemenrary_mask": True, "mask_token_id": MASK}),
    "tiny-diffullama": (LlamaConfig, LlamaForCausalLM, dict(num_key_value_heads=4, rms_norm_eps=1e-5), 109, torch.float16,
                        "full", "LlamaForCausalLM", "llama", {"mask_token_id": MASK}),
    "tiny-a2d-llama": (LlamaConfig, LlamaForCausalLM, dict(tie_word_embeddings=True), 110, torch.bfloat16, 8,
                       "A2DLlamaLMHeadModel", "a2d-llama", A2D | {"block_size": 8}),
    "tiny-a2d-qwen2": (Qwen2Config, Qwen2ForCausalLM, dict(tie_word_embeddings=True), 111, torch.bfloat16, "full",
                       "A2DQwen2LMHeadModel", "a2d-qwen2", A2D),
    "tiny-a2d-qwen3": (Qwen3Config, Qwen3ForCausalLM, dict(head_dim=12), 112, torch.bfloat16, "full",
                       "A2DQwen3LMHeadModel", "a2d-qwen3", A2D),
    "tiny-gpt2": (GPT2Config, GPT2LMHeadModel, dict(n_head=2, n_inner=80), 113, torch.float32, "causal",
                  "GPT2LMHeadModel", "gpt2", {}),
    "tiny-diffugpt": (GPT2Config, GPT2LMHeadModel, {}, 114, torch.float16, "full", None, "gpt2",
                      {"vocab_size": MASK, "mask_token_id": MASK}),  # the trainer leaves GPT-2's config as it is
}


def published_name(name, key):
    """What the family's own files call a tensor of transformers' GPT-2: without a prefix, or in DiffuGPT's wrapper."""
    if name == "tiny-gpt2":
        return key.removeprefix("transformer.")
    if name == "tiny-diffugpt":
        return key.replace("transformer.wte.", "embed_tokens.").replace("transformer.", "denoise_model.")
    return key


def make(name):
    config_class, model_class, overrides, seed, dtype, _, architecture, model_type, extra = FAMILIES[name]
    small = GPT2 | {"attn_implementation": "eager"} if config_class is GPT2Config else SMALL
    config = config_class(**{**small, **overrides})
    model = model_class(config)
    generator = numpy.random.Generator(numpy.random.PCG64(seed))
    tensors = {}
    for key, value in sorted(model.state_dict().items()):
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        if key.endswith(("norm.weight", "ln_1.weight", "ln_2.weight", "ln_f.weight")):
            centre, deviation = 1.0, 0.1
        elif value.dim() == 1:  # biases large enough to matter
            centre, deviation = 0.0, 0.5
        else:
            fan_in = value.shape["c_" not in key]  # GPT-2's Conv1D is [in, out]
            centre, deviation = 0.0, 1.0 if "embed" in key or "wte" in key or "wpe" in key else 2.5 * fan_in ** -0.5
        values = generator.standard_normal(tuple(value.shape)) * deviation + centre
        tensors[key] = torch.tensor(values, dtype=torch.float64).to(dtype)
    if "mask_token_id" in extra and not config.tie_word_embeddings:
        tensors["model.embed_tokens.weight"][MASK] *= 0.0625  # masked cells must depend on where they stand
    directory = GOLDEN / name
    directory.mkdir(parents=True, exist_ok=True)
    save_file({published_name(name, k): v for k, v in tensors.items()}, directory / "model.safetensors",
              metadata={"format": "pt"})
    (directory / "model.safetensors").chmod(0o644)
    published = {k: v for k, v in config.to_diff_dict().items() if k not in ("transformers_version", "_attn_implementation_autoset")}
    published |= {k: small[k] for k in small if k != "attn_implementation"} | overrides
    published |= {"architectures": [architecture], "model_type": model_type, "hidden_act": "silu",
                  "torch_dtype": str(dtype).split(".")[1], **extra}
    if model_type == "gpt2":
        del published["hidden_act"]
    if architecture is None:
        del published["architectures"]
    dump(directory / "config.json", published)
    write_tokenizer(directory)
    missing = model.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False).missing_keys
    assert [k for k in missing if k != "lm_head.weight"] == [], missing
    model.tie_weights()
    return model.eval()


def mask_of(attention, n):
    """Additive [1, 1, n, n]: what a row (first n) may see of the columns."""
    row, column = torch.arange(n)[:, None], torch.arange(n)[None]
    if attention == "full":
        seen = torch.ones(n, n, dtype=torch.bool)
    elif attention == "causal":
        seen = column <= row
    else:
        seen = column // attention <= row // attention
    return torch.zeros(1, 1, n, n).masked_fill(~seen, torch.finfo(torch.float32).min)


def forward(model, attention):
    if isinstance(model, GPT2LMHeadModel) and attention == "full":
        for block in model.transformer.h:
            block.attn.bias.fill_(True)  # the class's own causal mask, which some versions apply beside the 4-D one

    @torch.no_grad()
    def logits(tokens):
        n = len(tokens)
        return model(torch.tensor([tokens]), attention_mask=mask_of(attention, n), position_ids=torch.arange(n)[None]).logits[0]
    return logits


def texts_of(seed, masked):
    generator = numpy.random.Generator(numpy.random.PCG64(seed))
    for n in (1, 2, 9, 20, 70):
        tokens = generator.integers(0, MASK, n)
        if masked:
            tokens[generator.random(n) < 0.5] = MASK
        yield tokens.tolist()


class Margins:
    """How far the nearest other outcome was, over a whole generation."""
    least = float("inf")

    def note(self, value):
        self.least = min(self.least, abs(float(value)))


def candidates(logits, margins):
    logits = logits.clone().double()
    logits[:, MASK] = -torch.inf
    best = logits.topk(2, -1).values
    margins.note((best[:, 0] - best[:, 1]).min())
    return logits.argmax(-1), logits.softmax(-1).amax(-1)


def reveal(canvas, cells, tokens, confidences, threshold, margins):
    """Every cell above the threshold, and the most confident one."""
    order = sorted(range(len(cells)), key=lambda i: -confidences[i])
    if len(order) > 1:
        margins.note(confidences[order[0]] - confidences[order[1]])
    for i in range(len(cells)):
        margins.note(confidences[i] - threshold)
        if confidences[i] > threshold or i == order[0]:
            canvas[cells[i]] = int(tokens[i])


def sdar(logits, prompt, length, block, threshold):
    """Blocks on absolute positions; a row sees its block and those before it, nothing behind."""
    canvas, margins, forwards = prompt + [MASK] * length, Margins(), 0
    undecided = set(range(len(prompt), len(canvas)))
    for begin in range(len(prompt) // block * block, len(canvas), block):
        end = min(begin + block, len(canvas))
        while cells := [c for c in range(begin, end) if c in undecided]:
            tokens, confidences = candidates(logits(canvas[:end])[cells], margins)
            reveal(canvas, cells, tokens, confidences, threshold, margins)
            undecided -= {c for c in cells if canvas[c] != MASK}
            forwards += 1
    return {"tokens": canvas[len(prompt):], "nfe": forwards}, margins.least


def fast_dllm_v2(logits, prompt, length, block, sub_block, threshold):
    """The first cell of a block comes from the last row of what is before it, alone; then sub-blocks, rows shifted by one."""
    canvas, margins, forwards = prompt + [MASK] * length, Margins(), 0
    undecided = set(range(len(prompt), len(canvas)))
    for begin in range(len(prompt) // block * block, len(canvas), block):
        end = min(begin + block, len(canvas))
        if begin in undecided:
            tokens, _ = candidates(logits(canvas[:begin])[[-1]], margins)
            canvas[begin] = int(tokens[0])
            undecided.remove(begin)
            forwards += 1
        for first in range(begin, end, sub_block):
            while cells := [c for c in range(first, min(first + sub_block, end)) if c in undecided]:
                rows = logits(canvas[:end])
                tokens, confidences = candidates(rows[[c - 1 for c in cells]], margins)
                reveal(canvas, cells, tokens, confidences, threshold, margins)
                undecided -= {c for c in cells if canvas[c] != MASK}
                forwards += 1
    return {"tokens": canvas[len(prompt):], "nfe": forwards}, margins.least


def decoded(run):
    """A few prompts whose outcome no float noise can change; lengths that end inside a block and at its end."""
    cases = []
    for case, (size, length, threshold) in enumerate([(5, 24, 0.9), (8, 24, 0.3), (16, 32, 0.5), (3, 21, 0.2)]):
        for seed in range(1000 * case, 1000 * case + 300):
            prompt = numpy.random.Generator(numpy.random.PCG64(seed)).integers(0, 256, size).tolist()
            result, margin = run(prompt, length, threshold)
            if margin > SAFE:
                cases.append({"prompt": prompt, "length": length, "threshold": threshold, **result})
                break
        else:
            raise SystemExit("no stable golden")
    return cases


def main():
    torch.manual_seed(0)
    for number, name in enumerate(FAMILIES):
        attention = FAMILIES[name][5]
        logits = forward(make(name), attention)
        texts = list(texts_of(200 + number, attention != "causal"))
        write_tensors(PARITY / f"{name}.safetensors",
                      {"ids": numpy.concatenate(texts).astype(numpy.int32),
                       "lengths": numpy.array([len(t) for t in texts], numpy.int32),
                       "logits": numpy.concatenate([logits(t).numpy() for t in texts]).astype(numpy.float32)})
        if name == "tiny-sdar":
            cases = decoded(lambda p, n, t: sdar(logits, p, n, 4, t))
        elif name == "tiny-fast-dllm-v2":
            cases = decoded(lambda p, n, t: fast_dllm_v2(logits, p, n, 16, 8, t))
        else:
            continue
        (PARITY / f"{name}-decoding.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
