"""A tiny random DiffusionGemma (tests/golden/tiny-diffusion-gemma) in the published naming and config form, saved by transformers'
own class, and what that class makes of it: the encoder's logits, and the decoder's over a kept prompt, without and with
self-conditioning, and again after a canvas was committed. Run by `script/parity families`; needs requirements-gemma.txt."""

import numpy
import torch
from transformers import DiffusionGemmaConfig, DiffusionGemmaForBlockDiffusion

from common import GOLDEN, PARITY, write_tensors
from tiny_vocabulary import BOS, EOS, EOT, VOCAB, dump, write_tokenizer

NAME = "tiny-diffusion-gemma"
CANVAS = 8
PROMPTS = (1, 5, 7, 20)  # the sliding window of 8 keeps 7 cells of a prompt
TEMPERATURE = 0.7

# The keys and the spelling of the published config.json (spec 11 §2).
TEXT = {
    "model_type": "diffusion_gemma_text", "vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "global_head_dim": 16,
    "num_global_key_value_heads": 1, "num_experts": 6, "top_k_experts": 2, "moe_intermediate_size": 16,
    "hidden_activation": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6, "sliding_window": 8,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
    "rope_parameters": {
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000.0}},
    "max_position_embeddings": 256, "final_logit_softcapping": 30.0, "use_bidirectional_attention": "vision",
    "attention_bias": False, "attention_dropout": 0.0, "pad_token_id": 0, "eos_token_id": EOS, "bos_token_id": BOS,
    "tie_word_embeddings": True, "initializer_range": 0.02}
VISION = {"model_type": "gemma4_vision", "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1,
          "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 8, "patch_size": 4, "position_embedding_size": 8,
          "standardize": True}
CONFIG = {
    "architectures": ["DiffusionGemmaForBlockDiffusion"], "model_type": "diffusion_gemma", "canvas_length": CANVAS,
    "boi_token_id": 270, "image_token_id": 271, "eoi_token_id": 272, "eos_token_id": [EOS, EOT], "tie_word_embeddings": True,
    "initializer_range": 0.02, "vision_soft_tokens_per_image": 280, "dtype": "bfloat16", "text_config": TEXT,
    "vision_config": VISION}
# generation_config.json as published (spec 11 §5).
GENERATION = {
    "max_new_tokens": 256, "max_denoising_steps": 48,
    "sampler_config": {"_cls_name": "EntropyBoundSamplerConfig", "entropy_bound": 0.1}, "t_min": 0.4, "t_max": 0.8,
    "stability_threshold": 1, "confidence_threshold": 0.005, "eos_token_id": [EOS, EOT, 50], "pad_token_id": 0}


def draw(generator, name, shape):
    """Norms and scales near 1 and all different, those of queries and keys, which scale the scores, near 1/2: with sharper ones a
    net of random weights makes much of int8's rounding."""
    normal = generator.standard_normal(tuple(shape))
    if name.endswith(("norm.weight", "norm_1.weight", "norm_2.weight", "layer_scalar", "router.scale", "per_expert_scale")):
        return (1 + 0.15 * normal) * (0.5 if name.endswith(("q_norm.weight", "k_norm.weight")) else 1.0)
    return normal * (1.0 if "embed_tokens" in name else shape[-1] ** -0.5)


def make(directory):
    config = DiffusionGemmaConfig.from_dict(CONFIG)
    model = DiffusionGemmaForBlockDiffusion(config).eval()
    generator = numpy.random.Generator(numpy.random.PCG64(404))
    named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    with torch.no_grad():
        for name, value in sorted(named.items()):
            if value.is_floating_point() and not name.endswith(("inv_freq", "embed_scale")):
                value.copy_(torch.tensor(draw(generator, name, value.shape)))
    directory.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(directory)
    dump(directory / "config.json", CONFIG)
    dump(directory / "generation_config.json", GENERATION)
    write_tokenizer(directory)
    for file in directory.iterdir():
        file.chmod(0o644)
    return DiffusionGemmaForBlockDiffusion.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager").eval()


class Reference:
    """One sequence: its encoder cache, and the decoder over it."""

    def __init__(self, model):
        self.model, self.cache = model, None

    @torch.no_grad()
    def encode(self, tokens):
        out = self.model.model.encoder(input_ids=torch.tensor([tokens]), past_key_values=self.cache)
        self.cache = out.past_key_values
        cap = self.model.config.text_config.final_logit_softcapping
        return (cap * torch.tanh(self.model.lm_head(out.last_hidden_state) / cap))[0]

    @torch.no_grad()
    def denoise(self, canvas, conditioning=None):
        out = self.model(decoder_input_ids=torch.tensor([canvas]), past_key_values=self.cache,
                         self_conditioning_logits=None if conditioning is None else conditioning[None])
        return out.logits[0]


def main():
    torch.manual_seed(0)
    model = make(GOLDEN / NAME)
    generator = numpy.random.Generator(numpy.random.PCG64(405))
    prompts, canvases, encoded, denoised = [], [], [], []
    for size in PROMPTS:
        prompt = generator.integers(0, VOCAB, size).tolist()
        first, second, third = generator.integers(0, VOCAB, (3, CANVAS)).tolist()
        reference = Reference(model)
        encoded.append(reference.encode(prompt))
        logits = reference.denoise(first)
        denoised.append(logits)
        denoised.append(reference.denoise(second, logits / TEMPERATURE))
        reference.encode(second)
        denoised.append(reference.denoise(third))
        prompts.append(prompt)
        canvases += [first, second, third]
    write_tensors(PARITY / f"{NAME}.safetensors",
                  {"ids": numpy.concatenate(prompts).astype(numpy.int32), "lengths": numpy.array(PROMPTS, numpy.int32),
                   "logits": torch.cat(encoded).numpy(), "canvases": numpy.array(canvases, numpy.int32),
                   "denoised": torch.cat(denoised).numpy()})


if __name__ == "__main__":
    main()
