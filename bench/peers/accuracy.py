"""How far 8-bit weights and activations are from float32, in pent and in llama.cpp, over the same windows of one text.

  python3 bench/peers/accuracy.py TEXT [--windows N]      after bench/peers/run --prepare

Each program is compared with itself in float32 on the weights of the Q8_0 file: llama.cpp by `llama-perplexity
--kl-divergence`, with the file dequantised by `llama-quantize`; pent by `pent bench accuracy`. Both count the second half of
windows of 512 tokens; llama.cpp takes the first N windows, so the text given to both is cut there.
"""

import argparse
import json
import os
import pathlib
import re
import tempfile

from build import LlamaCppTree
from common import output_of, say
from main import pent_binary
from weights import Weights

WINDOW = 512


def llama_figures(text):
    """Of what `llama-perplexity --kl-divergence` prints at its end."""
    def number(pattern):
        # The last one: the table's head has some of the names too.
        found = re.findall(pattern + r"\s*:\s*(-?[\d.]+)", text)
        if not found:
            raise SystemExit(f"peers: llama-perplexity printed no {pattern}")
        return float(found[-1])
    return {"perplexity": number(r"Mean PPL\(Q\)"), "precise_perplexity": number(r"Mean PPL\(base\)"),
            "kl": number(r"Mean\s+KLD"), "same_best": number(r"Same top p") / 100}


def cut(text, windows, count):
    """The beginning of the text that holds so many whole windows and not one more: then both programs take all there are."""
    end = len(text)
    while not windows * WINDOW <= (tokens := count(text[:end])) < (windows + 1) * WINDOW:
        if end == len(text) and tokens < windows * WINDOW:
            raise SystemExit(f"peers: the text has {tokens} tokens; {windows} windows need {windows * WINDOW}")
        end = min(len(text), round(end * (windows + 0.5) * WINDOW / tokens))
    return text[:end]


def tokens_of(pent, model, text):
    return len(json.loads(output_of([pent, "tokenize", "-m", model, "-"], given=text)))


def arguments():
    parser = argparse.ArgumentParser(prog="bench/peers/accuracy.py", description=__doc__.splitlines()[0])
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("--windows", type=int, default=32)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args()


def main():
    args = arguments()
    tree, pent = LlamaCppTree(), pent_binary()
    tree.build()
    packed = Weights(tree, pent).path("q8_0")
    with tempfile.TemporaryDirectory(dir=packed.parent) as scratch:
        scratch = pathlib.Path(scratch)
        precise, base, part = scratch / "f32.gguf", scratch / "logits", scratch / "text"
        part.write_text(cut(args.text.read_text(), args.windows, lambda t: tokens_of(pent, packed, t)))
        say("llama.cpp")
        output_of([tree.bin / "llama-quantize", "--allow-requantize", packed, precise, "F32"])
        common = ["-t", args.threads, "-c", WINDOW, "--chunks", args.windows, "--kl-divergence-base", base]
        output_of([tree.bin / "llama-perplexity", "-m", precise, "-f", part, *common])
        llama = llama_figures(output_of([tree.bin / "llama-perplexity", "-m", packed, *common, "--kl-divergence"], both=True))
        say("pent")
        ours = json.loads(output_of([pent, "bench", "accuracy", "-m", packed, "--threads", args.threads, "--text", part,
                                     "--window", WINDOW, "--windows", args.windows, "--json"]))["accuracy"]
    print(f"{'':<12}{'KL, nats':>10}{'same best':>12}{'perplexity':>12}{'float32':>10}")
    for name, of in (("llama.cpp", llama), ("pent", ours)):
        print(f"{name:<12}{of['kl']:>10.5f}{100 * of['same_best']:>11.2f}%{of['perplexity']:>12.3f}{of['precise_perplexity']:>10.3f}")


if __name__ == "__main__":
    main()
