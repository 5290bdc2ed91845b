"""LLaDA's network in plain torch, written from its published description (Nie et al. 2025, arXiv:2502.09992) and the
names of its checkpoints: pre-norm transformer, RMSNorm, RoPE in half form, GQA, SwiGLU, full attention; and of Fast-dLLM's
caches (Wu et al. 2025, arXiv:2505.22618) the part that lies in the network: some rows of a canvas are computed, the keys
and values of the others are those of the last time."""

import json
import pathlib

import torch
from safetensors.torch import load_file


class LLaDA:
    def __init__(self, directory):
        directory = pathlib.Path(directory)
        self.config = json.loads((directory / "config.json").read_text())
        self.weights = {k: v.float() for k, v in load_file(directory / "model.safetensors").items()}

    def weight(self, name):
        return self.weights["model.transformer." + name + ".weight"]

    def rms_norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.config["rms_norm_eps"]) * self.weight(name)

    def rotate(self, x, first):
        """x [heads, n, head_dim], at positions first, first + 1, …: channel i turns with channel i + head_dim/2."""
        half = x.shape[-1] // 2
        frequency = self.config["rope_theta"] ** (-torch.arange(half, dtype=torch.float64) / half)
        angle = torch.arange(first, first + x.shape[1], dtype=torch.float64)[:, None] * frequency
        cos, sin = angle.cos().float(), angle.sin().float()
        first, second = x[..., :half], x[..., half:]
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)

    def attention(self, x, block, first, kept):
        n, heads, kv_heads = x.shape[0], self.config["n_heads"], self.config["n_kv_heads"]
        head_dim = self.config["d_model"] // heads

        def project(name, count):
            return (x @ self.weight(f"{block}.{name}").T).view(n, count, head_dim).transpose(0, 1)

        q, k, v = project("q_proj", heads), project("k_proj", kv_heads), project("v_proj", kv_heads)
        q, k = self.rotate(q, first), self.rotate(k, first)
        if block in kept:  # these rows replace theirs; all others stay as they were
            k, v = (torch.cat([old[:, :first], new, old[:, first + n:]], 1) for old, new in zip(kept[block], (k, v)))
        kept[block] = k, v
        k, v = (t.repeat_interleave(heads // kv_heads, 0) for t in (k, v))
        mixed = (q @ k.transpose(1, 2) / head_dim**0.5).softmax(-1) @ v
        return mixed.transpose(0, 1).reshape(n, -1) @ self.weight(f"{block}.attn_out").T

    def logits(self, tokens):
        """tokens: list of n ids -> float32 [n, embedding_size]; every position sees every other."""
        return self.rows(tokens, 0, {})

    @torch.no_grad()
    def rows(self, tokens, first, kept):
        """The same for positions first, first + 1, … of a canvas. `kept` holds every layer's keys and values of the
        whole canvas and takes these rows'; empty: these rows are the canvas."""
        x = self.weight("wte")[torch.as_tensor(tokens, dtype=torch.long)]
        for layer in range(self.config["n_layers"]):
            block = f"blocks.{layer}"
            x = x + self.attention(self.rms_norm(x, f"{block}.attn_norm"), block, first, kept)
            h = self.rms_norm(x, f"{block}.ff_norm")
            gated = torch.nn.functional.silu(h @ self.weight(f"{block}.ff_proj").T) * (h @ self.weight(f"{block}.up_proj").T)
            x = x + gated @ self.weight(f"{block}.ff_out").T
        head = self.weight("wte" if self.config["weight_tying"] else "ff_out")
        scale = self.config["d_model"] ** -0.5 if self.config["scale_logits"] else 1.0
        return (self.rms_norm(x, "ln_f") @ head.T * scale).numpy()
