"""Tiny random checkpoints in the published layouts, each in another storage type and with another oddity."""

import numpy
import torch
from safetensors.torch import save_file

from common import GOLDEN
from tiny_vocabulary import BOS, EOS, MASK, VOCAB, dump, write_tokenizer


def random_tensors(seed, shapes, dtype):
    """Normal weights of about unit gain (norms near 1), so that logits spread and some confidences come out high."""
    generator = numpy.random.Generator(numpy.random.PCG64(seed))
    tensors = {}
    for name, (shape, std) in shapes.items():
        values = generator.standard_normal(shape) * std + (1.0 if len(shape) == 1 else 0.0)
        tensors[name] = torch.tensor(values, dtype=torch.float64).to(dtype)
    return tensors


def make_llada(name, seed, dtype, d, layers, heads, kv_heads, mlp, tied, scale_logits, embed_std):
    directory = GOLDEN / name
    directory.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["LLaDAModelLM"], "model_type": "llada", "d_model": d, "n_layers": layers,
              "n_heads": heads, "n_kv_heads": kv_heads, "mlp_hidden_size": mlp, "mlp_ratio": 4, "vocab_size": VOCAB,
              "embedding_size": VOCAB, "max_sequence_length": 128, "rope": True, "rope_theta": 10000.0,
              "rope_full_precision": True, "rms_norm_eps": 1e-5, "layer_norm_type": "rms", "layer_norm_with_affine": True,
              "bias_for_layer_norm": False, "include_bias": False, "include_qkv_bias": False, "activation_type": "silu",
              "block_type": "llama", "block_group_size": 1, "alibi": False, "attention_layer_norm": False,
              "input_emb_norm": False, "scale_logits": scale_logits, "weight_tying": tied, "multi_query_attention": None,
              "mask_token_id": MASK, "eos_token_id": EOS, "pad_token_id": EOS,
              "torch_dtype": str(dtype).split(".")[1]}
    kv = d // heads * kv_heads
    shapes = {"wte.weight": ((VOCAB, d), embed_std), "ln_f.weight": ((d,), 0.1)}
    for n in range(layers):
        b = f"blocks.{n}."
        shapes |= {b + "attn_norm.weight": ((d,), 0.1), b + "ff_norm.weight": ((d,), 0.1)}
        shapes |= {b + f"{p}_proj.weight": ((rows, d), 2.0 * d**-0.5) for p, rows in [("q", d), ("k", kv), ("v", kv)]}
        shapes |= {b + "attn_out.weight": ((d, d), 1.5 * d**-0.5), b + "ff_proj.weight": ((mlp, d), d**-0.5),
                   b + "up_proj.weight": ((mlp, d), d**-0.5), b + "ff_out.weight": ((d, mlp), 1.5 * mlp**-0.5)}
    if not tied:
        shapes["ff_out.weight"] = ((VOCAB, d), 5.0 * d**-0.5)
    shapes = {"model.transformer." + k: v for k, v in shapes.items()}
    tensors = random_tensors(seed, shapes, dtype)
    tensors["model.transformer.wte.weight"][MASK] *= 0.0625  # masked cells must depend on where they stand
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "model.safetensors").chmod(0o644)
    dump(directory / "config.json", config)
    write_tokenizer(directory)


def make_llama(name, seed):
    from transformers import LlamaConfig, LlamaForCausalLM
    directory = GOLDEN / name
    config = LlamaConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, vocab_size=VOCAB, max_position_embeddings=128, rope_theta=10000.0,
                         rms_norm_eps=1e-5, tie_word_embeddings=False, bos_token_id=BOS, eos_token_id=EOS,
                         pad_token_id=EOS, torch_dtype="float32")
    config.architectures = ["LlamaForCausalLM"]
    model = LlamaForCausalLM(config)
    shapes = {k: (tuple(v.shape), 0.1 if v.dim() == 1 else 1.0 if "embed" in k else 2.5 * v.shape[1]**-0.5)
              for k, v in sorted(model.state_dict().items())}
    model.load_state_dict(random_tensors(seed, shapes, torch.float32))
    model.save_pretrained(directory, safe_serialization=True)
    (directory / "model.safetensors").chmod(0o644)
    write_tokenizer(directory)


def make_all():
    make_llada("tiny-llada", 11, torch.float16, d=32, layers=2, heads=4, kv_heads=2, mlp=48, tied=False,
               scale_logits=False, embed_std=1.0)
    make_llada("tiny-llada-tied", 12, torch.bfloat16, d=40, layers=3, heads=5, kv_heads=1, mlp=56, tied=True,
               scale_logits=True, embed_std=4.0)
    make_llama("tiny-llama", 13)
