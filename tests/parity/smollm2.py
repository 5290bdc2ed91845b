"""SmolLM2-135M-Instruct as the reference sees it: the GGUF dequantised by the `gguf` package into transformers' Llama in
float32, its vocabulary in `tokenizers`, its template in transformers' own Jinja environment."""

import gguf
import numpy
import tokenizers
import torch
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from common import PARITY, models_dir, write_json, write_tensors
from texts import CONVERSATIONS, PROMPTS, TEXTS

FILE = "smollm2-135m-instruct.gguf"
SIZE, SHA256 = 98362432, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NAMES = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
         "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def half_form(rows, heads):
    """GGUF keeps rows of Q and K so that RoPE pairs neighbours; Hugging Face pairs channel i with i + head_dim/2."""
    head_dim = rows.shape[0] // heads
    return rows.reshape(heads, head_dim // 2, 2, -1).transpose(0, 2, 1, 3).reshape(rows.shape)


class SmolLM2:
    def __init__(self):
        self.path = models_dir() / FILE
        if not self.path.exists():
            raise SystemExit(f"parity: {self.path} is missing; fetch it with script/fetch-smollm2")
        self.reader = gguf.GGUFReader(str(self.path))
        self.model = self.load_model()
        self.tokenizer = self.load_tokenizer()

    def field(self, key):
        return self.reader.fields[key].contents()

    def load_model(self):
        heads, kv_heads = self.field("llama.attention.head_count"), self.field("llama.attention.head_count_kv")
        config = LlamaConfig(
            hidden_size=self.field("llama.embedding_length"), intermediate_size=self.field("llama.feed_forward_length"),
            num_hidden_layers=self.field("llama.block_count"), num_attention_heads=heads, num_key_value_heads=kv_heads,
            vocab_size=self.field("llama.vocab_size"), max_position_embeddings=self.field("llama.context_length"),
            rope_theta=self.field("llama.rope.freq_base"), tie_word_embeddings=True,
            rms_norm_eps=self.field("llama.attention.layer_norm_rms_epsilon"))
        state = {}
        for tensor in self.reader.tensors:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
            parts = tensor.name.split(".")
            if parts[0] == "blk":
                if parts[2] in ("attn_q", "attn_k"):
                    values = half_form(values, heads if parts[2] == "attn_q" else kv_heads)
                name = f"model.layers.{parts[1]}.{NAMES[parts[2]]}.weight"
            else:
                name = {"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight"}[parts[0]]
            state[name] = torch.tensor(values)
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
        model = LlamaForCausalLM(config)
        model.load_state_dict(state)
        return model.float().eval()

    def load_tokenizer(self):
        tokens, merges = self.field("tokenizer.ggml.tokens"), self.field("tokenizer.ggml.merges")
        special = [t for t, kind in zip(tokens, self.field("tokenizer.ggml.token_type")) if kind == 3]
        pairs = [tuple(m.split(" ", 1)) for m in merges]
        fast = tokenizers.Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=pairs))
        fast.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
        fast.decoder = decoders.ByteLevel()
        fast.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
        return PreTrainedTokenizerFast(tokenizer_object=fast, chat_template=self.field("tokenizer.chat_template"),
                                       bos_token=tokens[self.field("tokenizer.ggml.bos_token_id")],
                                       eos_token=tokens[self.field("tokenizer.ggml.eos_token_id")])

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)

    def render(self, messages, add_generation_prompt=True):
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)

    @torch.no_grad()
    def logits(self, ids):
        return self.model(torch.tensor([ids])).logits[0].numpy()

    def greedy(self, ids, count):
        self.model.generation_config.eos_token_id = None  # exactly `count` tokens, past any end
        out = self.model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=count,
                                  attention_mask=torch.ones(1, len(ids), dtype=torch.long), pad_token_id=0)
        return out[0, len(ids):].tolist()


def logit_goldens(model):
    """Of every row: the eight best, log-sum-exp, and the logits of 48 fixed tokens. (The whole would be 200 MB.)"""
    texts = [model.encode(t) for t in TEXTS]
    generator = numpy.random.Generator(numpy.random.PCG64(7))
    probes = numpy.sort(generator.choice(49152, 48, replace=False))
    probes[0], probes[-1] = 0, 49151
    z = numpy.concatenate([model.logits(t) for t in texts])
    top = numpy.stack([numpy.lexsort((numpy.arange(len(row)), -row))[:8] for row in z])
    gap = numpy.diff(-numpy.take_along_axis(z, top[:, :2], 1)).min()
    print(f"{len(z)} rows; least gap between best and second: {gap:.2e}")
    exact = z.astype(numpy.float64)
    peak = exact.max(1, keepdims=True)
    write_tensors(PARITY / "smollm2-logits.safetensors", {
        "ids": numpy.concatenate(texts).astype(numpy.int32), "lengths": numpy.array([len(t) for t in texts], numpy.int32),
        "top_ids": top.astype(numpy.int32), "top_logits": numpy.take_along_axis(z, top, 1),
        "log_sum_exp": (peak[:, 0] + numpy.log(numpy.exp(exact - peak).sum(1))).astype(numpy.float32),
        "probe_ids": probes.astype(numpy.int32), "probe_logits": z[:, probes]})


def greedy_goldens(model):
    cases = []
    for prompt in PROMPTS:
        ids = model.encode(model.render([{"role": "user", "content": prompt}]))
        tokens = model.greedy(ids, 64)
        z = model.logits(ids + tokens)[len(ids) - 1:-1]
        assert z.argmax(1).tolist() == tokens, "with and without a cache must agree"
        best = numpy.sort(z, 1)[:, -2:]
        print(f"least gap {(best[:, 1] - best[:, 0]).min():.2e}: {model.tokenizer.decode(tokens)[:60]!r}")
        cases.append({"user": prompt, "prompt": ids, "tokens": tokens})
    write_json(PARITY / "smollm2-greedy.json", cases)


def chat_goldens(model):
    cases = []
    for messages in CONVERSATIONS:
        for generate in (True, False):
            text = model.render(messages, generate)
            cases.append({"messages": messages, "add_generation_prompt": generate, "text": text, "ids": model.encode(text)})
    write_json(PARITY / "smollm2-chat.json", {"template": model.field("tokenizer.chat_template"), "cases": cases})


def make():
    model = SmolLM2()
    logit_goldens(model)
    greedy_goldens(model)
    chat_goldens(model)
