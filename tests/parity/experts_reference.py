"""Networks with a mixture of experts in plain torch, written from descriptions of the published models: LLaDA-MoE (OLMoE's
block, all probabilities kept as they are) and LLaDA2 (Ling 2.0's block: fused Q, K, V, partial RoPE, DeepSeek-V3's group-limited
sigmoid router, a shared expert; or, with expert_capacity, LLaDA2.2's pool of experts for each block). Every row is sent through
its experts by itself."""

import json
import pathlib

import torch
from safetensors.torch import load_file


class Experts:
    def __init__(self, directory):
        directory = pathlib.Path(directory)
        self.config = json.loads((directory / "config.json").read_text())
        self.weights = {k: v.float() for k, v in load_file(directory / "model.safetensors").items()}
        self.ling = self.config["model_type"] == "llada2_moe"

    def weight(self, name):
        return self.weights[name + ".weight"]

    def norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.config["rms_norm_eps"]) * self.weight(name)

    def rotate(self, x):
        """x [n, heads, head_dim]: of the first `turning` channels i turns with i + turning/2."""
        turning = int(x.shape[-1] * self.config.get("partial_rotary_factor", 1.0))
        half = turning // 2
        angle = torch.arange(x.shape[0], dtype=torch.float64)[:, None, None] * (
            self.config["rope_theta"] ** (-torch.arange(half, dtype=torch.float64) / half))
        cos, sin = angle.cos().float(), angle.sin().float()
        a, b, rest = x[..., :half], x[..., half:turning], x[..., turning:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)

    def attention(self, x, layer):
        heads, kv_heads = self.config["num_attention_heads"], self.config["num_key_value_heads"]
        if self.ling:
            name = f"model.layers.{layer}.attention."
            qkv = x @ self.weight(name + "query_key_value").T
            head_dim = self.config["head_dim"]
            q, k, v = qkv.split([heads * head_dim, kv_heads * head_dim, kv_heads * head_dim], -1)
            names = name + "query_layernorm", name + "key_layernorm", name + "dense"
        else:
            name = f"model.layers.{layer}.self_attn."
            q, k, v = (x @ self.weight(name + p + "_proj").T for p in "qkv")
            head_dim = self.config["hidden_size"] // heads
            names = name + "q_norm", name + "k_norm", name + "o_proj"
        q, k, v = (t.view(len(x), -1, head_dim) for t in (q, k, v))
        q, k = self.rotate(self.norm(q, names[0])), self.rotate(self.norm(k, names[1]))
        k, v = (t.repeat_interleave(heads // kv_heads, 1) for t in (k, v))
        scores = torch.einsum("ihd,jhd->hij", q, k) / head_dim**0.5
        if self.ling:
            block = torch.arange(len(x)) // self.config["block_size"]
            scores = scores.masked_fill(block[None, :] > block[:, None], float("-inf"))
        return torch.einsum("hij,jhd->ihd", scores.softmax(-1), v).reshape(len(x), -1) @ self.weight(names[2]).T

    def ffn(self, x, name):
        gate, up = self.weight(name + "gate_proj"), self.weight(name + "up_proj")
        return (torch.nn.functional.silu(x @ gate.T) * (x @ up.T)) @ self.weight(name + "down_proj").T

    def pools(self, x, name):
        """[rows, experts]: which experts each row's block admits. All without expert_capacity."""
        admitted = torch.ones(len(x), self.config["num_experts"], dtype=torch.bool)
        if "expert_capacity" in self.config:
            ranked = (x @ self.weight(name + "gate").T).sigmoid() + self.weights[name + "gate.expert_bias"]
            size = self.config["block_size"]
            for first in range(0, len(x), size):
                chosen = ranked[first:first + size].amax(0).topk(self.config["expert_capacity"]).indices
                admitted[first:first + size] = False
                admitted[first:first + size, chosen] = True
        return admitted

    def route(self, logits, bias, admitted):
        """One row's chosen experts and their weights."""
        c = self.config
        if not self.ling:
            weights, chosen = logits.softmax(-1).topk(c["num_experts_per_tok"])
            return chosen, weights
        scores = logits.sigmoid()
        ranked = scores + bias
        allowed = admitted
        if "expert_capacity" not in c:
            groups = ranked.view(c["n_group"], -1)
            kept = groups.topk(2, -1).values.sum(-1).topk(c["topk_group"]).indices
            allowed = torch.zeros_like(groups, dtype=torch.bool)
            allowed[kept] = True
        chosen = ranked.masked_fill(~allowed.view(-1), float("-inf")).topk(c["num_experts_per_tok"]).indices
        weights = scores[chosen]
        return chosen, weights / (weights.sum() + 1e-20) * c["routed_scaling_factor"]

    def mixture(self, x, layer):
        name = f"model.layers.{layer}.mlp."
        is_dense = layer < self.config["first_k_dense_replace"] if self.ling else not self.config["moe_layer_freq"][layer]
        if is_dense:
            return self.ffn(x, name)
        rows = []
        for row, admitted in zip(x, self.pools(x, name)):
            chosen, weights = self.route(self.weight(name + "gate") @ row, self.weights.get(name + "gate.expert_bias"), admitted)
            rows.append(sum(w * self.ffn(row, f"{name}experts.{e}.") for e, w in zip(chosen.tolist(), weights)))
        out = torch.stack(rows)
        return out + self.ffn(x, name + "shared_experts.") if self.ling else out

    @torch.no_grad()
    def logits(self, tokens):
        x = self.weight("model.word_embeddings" if self.ling else "model.embed_tokens")[torch.tensor(tokens)]
        for layer in range(self.config["num_hidden_layers"]):
            name = f"model.layers.{layer}."
            x = x + self.attention(self.norm(x, name + "input_layernorm"), layer)
            x = x + self.mixture(self.norm(x, name + "post_attention_layernorm"), layer)
        return (self.norm(x, "model.norm") @ self.weight("lm_head").T).numpy()
