"""The weight files that both programs read, made once from SmolLM2-135M-Instruct (Q4_1) and by `pent synth`."""

import struct

from common import Skip, output_of, peers_dir, pent_home, say, succeeds
from gguf_header import BOOL, UINT32, Header, string, write_with

# A control token that no text contains and neither program gives a meaning of its own.
MASK_TOKEN = "<empty_output>"


class Weights:
    def __init__(self, tree, pent):
        self.folder = peers_dir() / "weights"
        self.quantize = tree.bin / "llama-quantize"
        self.pent = pent

    def path(self, name):
        """The file of that name; made if it is not there yet."""
        return {"q4_1": self._smollm2, "q8_0": lambda: self._requantized("q8_0"),
                "q4_0": lambda: self._requantized("q4_0"), "q8_0-llada": self._relabelled,
                "8b-q4_0": self._synthetic_8b}[name]()

    def _smollm2(self):
        path = pent_home() / "models" / "smollm2-135m-instruct.gguf"
        if not path.exists():
            raise Skip(f"{path} is missing; script/fetch-smollm2 brings it")
        return path

    def _make(self, name, write):
        """A file under its final name is complete."""
        path = self.folder / name
        if path.exists():
            return path
        say(f"writing {path}")
        self.folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name("part-" + name)
        write(part)
        part.rename(path)
        return path

    def _requantized(self, kind):
        source = self._smollm2()

        def write(part):
            # SmolLM2's embedding is its head too, which llama-quantize would make Q6_K beside Q4_0; the Q4_1 file has
            # it in Q8_0.
            output_of([self.quantize, "--allow-requantize", "--token-embedding-type", "q8_0", source, part,
                       kind.upper()])
            check_types(Header(part).types, kind)
        return self._make(f"smollm2-135m-{kind}.gguf", write)

    def _relabelled(self):
        source = self._requantized("q8_0")

        def write(part):
            header = Header(source)
            mask_id = header.strings("tokenizer.ggml.tokens").index(MASK_TOKEN)
            write_with(header, as_llada(header.pairs, mask_id), part)
        return self._make("smollm2-135m-q8_0-llada.gguf", write)

    def _synthetic_8b(self):
        def write(part):
            if not succeeds([self.pent, "synth", "--help"]):
                raise Skip(f"{self.pent} has no verb `synth`, which writes the weights of this case")
            output_of([self.pent, "synth", "--family", "llama", "--shape", "llama-3-8b", "--type", "q4_0", part])
        return self._make("llama-3-8b-q4_0.gguf", write)


def check_types(types, matrices):
    """Both programs are to multiply what the case says: the embedding Q8_0, all other matrices of one type."""
    for name, (kind, axes) in types.items():
        expected = "f32" if axes == 1 else "q8_0" if name == "token_embd.weight" else matrices
        if kind != expected:
            raise SystemExit(f"peers: llama-quantize wrote {name} as {kind}, expected {expected}")


def as_llada(pairs, mask_id):
    """Metadata of a Llama file as llama.cpp's `llada` wants it: the same network, looking both ways."""
    out = []
    for key, kind, raw in pairs:
        if key == "tokenizer.chat_template":
            # llama-diffusion-cli always applies one. SmolLM2's adds a long system prompt; without it the 8 tokens
            # around ChatML's user message are all.
            continue
        if key == "general.architecture":
            raw = string("llada")
        out.append((key.replace("llama.", "llada.", 1) if key.startswith("llama.") else key, kind, raw))
    out.append(("llada.attention.causal", BOOL, b"\0"))
    out.append(("tokenizer.ggml.mask_token_id", UINT32, struct.pack("<I", mask_id)))
    out.append(("diffusion.shift_logits", BOOL, b"\0"))  # llama.cpp takes a missing key for true
    return out
