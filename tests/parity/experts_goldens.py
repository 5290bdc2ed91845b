"""Tiny checkpoints with mixtures of experts in their published form, and their logits. Qwen3-MoE, RND1 and SDAR-MoE: by
transformers' Qwen3MoeForCausalLM, the latter two with its causal mask replaced (needs transformers >= 4.51); LLaDA-MoE and
LLaDA2: by experts_reference.py."""

import json

import numpy
import torch
from safetensors.torch import save_file

from common import GOLDEN
from experts_reference import Experts
from tiny_goldens import sequences, write_logits
from tiny_models import random_tensors
from tiny_vocabulary import EOS, EOT, MASK, VOCAB, dump, write_tokenizer

QWEN = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 12, "vocab_size": VOCAB, "max_position_embeddings": 128, "rope_theta": 10000.0, "rms_norm_eps": 1e-6,
        "tie_word_embeddings": False, "attention_bias": False, "hidden_act": "silu", "num_experts": 6,
        "num_experts_per_tok": 2, "moe_intermediate_size": 20, "norm_topk_prob": True, "decoder_sparse_step": 1,
        "mlp_only_layers": [], "bos_token_id": None, "eos_token_id": EOS, "pad_token_id": EOS}
LLADA_MOE = {"architectures": ["LLaDAMoEModelLM"], "model_type": "llada", "hidden_size": 32, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 4, "num_experts": 6, "num_experts_per_tok": 3,
             "expert_intermediate_size": 16, "dense_intermediate_size": 40, "shared_expert_intermediate_size": None,
             "moe_layer_freq": [0, 1], "qk_layernorm": True, "rope_theta": 50000.0, "max_position_embeddings": 128,
             "hidden_act": "silu", "attention_bias": False, "clip_qkv": None, "norm_topk_prob": None,
             "routed_scaling_factor": 1.0, "vocab_size": VOCAB, "rms_norm_eps": 1e-5, "partial_rotary_factor": 1.0,
             "moe_router_score_function": "softmax", "moe_router_enable_expert_bias": False, "router_num_group": None,
             "router_topk_group": None, "tie_word_embeddings": False, "mask_token_id": MASK, "eos_token_id": EOS,
             "pad_token_id": EOS}
LLADA2 = {"architectures": ["LLaDA2MoeModelLM"], "model_type": "llada2_moe", "hidden_size": 32, "num_hidden_layers": 2,
          "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 40,
          "moe_intermediate_size": 12, "num_experts": 8, "num_experts_per_tok": 3, "num_shared_experts": 1, "n_group": 4,
          "topk_group": 2, "routed_scaling_factor": 2.5, "first_k_dense_replace": 1, "partial_rotary_factor": 0.5,
          "rope_theta": 600000.0, "max_position_embeddings": 128, "rms_norm_eps": 1e-6, "vocab_size": VOCAB,
          "use_qk_norm": True, "use_qkv_bias": False, "use_bias": False, "tie_word_embeddings": False, "norm_head": False,
          "score_function": "sigmoid", "router_dtype": "fp32", "norm_topk_prob": True, "hidden_act": "silu",
          "moe_router_enable_expert_bias": True, "block_size": 8, "mask_token_id": MASK, "eos_token_id": EOS,
          "pad_token_id": EOS}
LLADA22 = LLADA2 | {"expert_capacity": 4, "delete_token_id": 280, "split_token_id": 281}  # n_group and topk_group are still in the file, and without meaning


def save(name, config, shapes, seed):
    directory = GOLDEN / name
    directory.mkdir(parents=True, exist_ok=True)
    tensors = random_tensors(seed, shapes, torch.float16)
    for key in tensors:
        if key.endswith("expert_bias"):  # centred on 0, and float32 as published
            tensors[key] = ((tensors[key].float() - 1) * 2).contiguous()
        if "embed" in key:
            tensors[key][MASK] *= 0.0625  # masked cells must depend on where they stand
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "model.safetensors").chmod(0o644)
    dump(directory / "config.json", config)
    write_tokenizer(directory)
    return directory


def linear(n, k, gain=2.0):
    return (n, k), gain * k**-0.5


def ffn(name, n, k):
    return {name + "gate_proj.weight": linear(n, k), name + "up_proj.weight": linear(n, k),
            name + "down_proj.weight": linear(k, n)}


def block_shapes(c, ling):
    """Tensors of both reference nets."""
    d, head_dim = c["hidden_size"], c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
    q, kv = c["num_attention_heads"] * head_dim, c["num_key_value_heads"] * head_dim
    shapes = {"model.norm.weight": ((d,), 0.1), "lm_head.weight": linear(VOCAB, d, 5.0),
              "model.word_embeddings.weight" if ling else "model.embed_tokens.weight": ((VOCAB, d), 1.0)}
    for layer in range(c["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        shapes |= {p + "input_layernorm.weight": ((d,), 0.1), p + "post_attention_layernorm.weight": ((d,), 0.1)}
        if ling:
            shapes |= {p + "attention.query_key_value.weight": linear(q + 2 * kv, d),
                       p + "attention.query_layernorm.weight": ((head_dim,), 0.2),
                       p + "attention.key_layernorm.weight": ((head_dim,), 0.2), p + "attention.dense.weight": linear(d, q)}
        else:
            shapes |= {p + f"self_attn.{x}_proj.weight": linear(n, d) for x, n in [("q", q), ("k", kv), ("v", kv)]}
            shapes |= {p + "self_attn.q_norm.weight": ((head_dim,), 0.2), p + "self_attn.k_norm.weight": ((head_dim,), 0.2),
                       p + "self_attn.o_proj.weight": linear(d, q)}
        m = p + "mlp."
        if layer < c["first_k_dense_replace"] if ling else not c["moe_layer_freq"][layer]:
            shapes |= ffn(m, c["intermediate_size" if ling else "dense_intermediate_size"], d)
            continue
        inner = c["moe_intermediate_size" if ling else "expert_intermediate_size"]
        shapes[m + "gate.weight"] = linear(c["num_experts"], d)
        for e in range(c["num_experts"]):
            shapes |= ffn(f"{m}experts.{e}.", inner, d)
        if ling:
            shapes[m + "gate.expert_bias"] = (c["num_experts"],), 0.1
            shapes |= ffn(m + "shared_experts.", inner * c["num_shared_experts"], d)
    return shapes


def qwen_shapes(config):
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM
    model = Qwen3MoeForCausalLM(Qwen3MoeConfig(**config))
    return {k: (tuple(v.shape), 0.1 if v.dim() == 1 else 1.0 if "embed" in k else 2.0 * v.shape[1]**-0.5)
            for k, v in sorted(model.state_dict().items())}


def qwen_logits(directory, sees):
    """sees(i, j) of position arrays: whether i sees j."""
    from safetensors.torch import load_file
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM
    config = json.loads((directory / "config.json").read_text())
    model = Qwen3MoeForCausalLM(Qwen3MoeConfig(**{k: config[k] for k in QWEN}, attn_implementation="eager")).eval()
    model.load_state_dict({k: v.float() for k, v in load_file(directory / "model.safetensors").items()})

    @torch.no_grad()
    def logits(tokens):
        at = torch.arange(len(tokens))
        mask = torch.where(sees(at[:, None], at[None, :]), 0.0, torch.finfo(torch.float32).min)[None, None]
        return model(torch.tensor([tokens]), attention_mask=mask, use_cache=False).logits[0].numpy()
    return logits


def make():
    families = [
        ("tiny-qwen3-moe", {"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", **QWEN,
                            "norm_topk_prob": False, "mlp_only_layers": [1], "num_hidden_layers": 3}, lambda i, j: j <= i, 41),
        ("tiny-rnd1", {"architectures": ["RND1LM"], "model_type": "rnd1", **QWEN, "mask_token_id": MASK,
                       "num_diffusion_steps": 256}, lambda i, j: j > -1 + 0 * i, 42),
        ("tiny-sdar-moe", {"architectures": ["SDARMoeForCausalLM"], "model_type": "sdar_moe", **QWEN, "mask_token_id": MASK,
                           "block_size": 4, "eos_token_id": [EOS, EOT]}, lambda i, j: j // 4 <= i // 4, 43)]
    for name, config, sees, seed in families:
        keys = {k: config[k] for k in QWEN}
        directory = save(name, config, qwen_shapes(keys | {"eos_token_id": EOS}), seed)
        write_logits(name, qwen_logits(directory, sees), sequences(seed, masked=name != "tiny-qwen3-moe"))
    for name, config, seed in [("tiny-llada-moe", LLADA_MOE, 44), ("tiny-llada2", LLADA2, 45), ("tiny-llada22", LLADA22, 46)]:
        directory = save(name, config, block_shapes(config, name != "tiny-llada-moe"), seed)
        write_logits(name, Experts(directory).logits, sequences(seed, masked=True))


if __name__ == "__main__":
    make()
