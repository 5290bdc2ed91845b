"""How each program is asked for one figure, and how its answer is read. All figures are tokens per second."""

import json
import re
import statistics

from common import HERE, ROOT, Failed, Skip, output_of, succeeds

# One stream and many: so many tokens behind a prompt of so many, which is what `pent bench decode` times.
PROMPT, TOKENS = 32, 32
CANVAS, STEPS, BLOCK = 256, 64, 32


def llama_bench_speed(text):
    """The median of what `llama-bench -o json` timed."""
    return statistics.median(json.loads(text)[0]["samples_ts"])


def batched_bench_speed(text, streams):
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    speeds = [line["speed_tg"] for line in lines if line["pl"] == streams]
    if not speeds:
        raise Failed(f"llama-batched-bench timed nothing with {streams} streams")
    return statistics.median(speeds)


def diffusion_speeds(text, canvas, steps):
    """End to end, and without the sampling, which llama-diffusion-cli does on one thread."""
    # The progress line comes before each forward; a block may end early and would skip some.
    forwards = len(set(re.findall(r"diffusion step: (\d+)/", text)))
    found = re.search(r"total time: ([\d.]+)ms, .*sampling time per step: ([\d.]+)ms", text)
    if not found or forwards != steps:
        raise Failed(f"llama-diffusion-cli made {forwards} forwards, expected {steps}")
    total, sampling = float(found.group(1)), float(found.group(2)) * steps
    return {"end_to_end": canvas / total * 1e3, "forwards_alone": canvas / (total - sampling) * 1e3}


def pent_speed(text, part, key, value):
    """tokens_per_second of the entry of `part` whose `key` is `value`."""
    for entry in json.loads(text)[part]:
        if entry[key] == value:
            return entry["tokens_per_second"]
    raise Failed(f"pent bench {part} timed nothing with {key} {value}")


class LlamaCpp:
    def __init__(self, bin_dir, threads):
        self.bin, self.threads = bin_dir, threads

    def _bench(self, file, repeats, *what):
        return llama_bench_speed(output_of([self.bin / "llama-bench", "-m", file, "-t", self.threads, "-r", repeats,
                                            "-o", "json", *what]))

    def forward(self, file, rows, repeats):
        return {"forward": self._bench(file, repeats, "-p", rows, "-n", 0)}

    def decode(self, file, streams, repeats):
        if streams == 1:
            return {"decode": self._bench(file, repeats, "-p", 0, "-n", TOKENS, "-d", PROMPT)}
        again = ",".join([str(streams)] * repeats)
        text = output_of([self.bin / "llama-batched-bench", "-m", file, "-t", self.threads,
                          "-c", streams * (PROMPT + TOKENS), "-npp", PROMPT, "-ntg", TOKENS, "-npl", again,
                          "--output-format", "jsonl"])
        return {"decode": batched_bench_speed(text, streams)}

    def denoise(self, file, repeats):
        # The prompt is a part of the length, which -ub gives: each forward has all CANVAS rows, as pent's have.
        command = [self.bin / "llama-diffusion-cli", "-m", file, "-t", self.threads, "-p", "a", "--temp", 0,
                   "-c", CANVAS, "-b", CANVAS, "-ub", CANVAS, "--diffusion-steps", STEPS,
                   "--diffusion-block-length", BLOCK]
        runs = [diffusion_speeds(output_of(command, both=True), CANVAS, STEPS) for _ in range(repeats)]
        return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


class Pent:
    def __init__(self, binary, threads):
        self.binary, self.threads = binary, threads

    def _bench(self, what, file, rounds, *options):
        return output_of([self.binary, "bench", what, "-m", file, "--threads", self.threads, "--rounds", rounds,
                          "--json", *options])

    def forward(self, file, rows, repeats):
        return {"forward": pent_speed(self._bench("forward", file, repeats, "--at", rows), "forward", "rows", rows)}

    def decode(self, file, streams, repeats):
        # `bench decode` times half as often as it is told.
        return {"decode": pent_speed(self._bench("decode", file, 2 * repeats, "--at", streams), "decode", "streams", streams)}

    def denoise(self, file, repeats):
        text = self._bench("denoise", file, repeats, "--canvas", CANVAS, "--steps", STEPS, "--block-length", BLOCK)
        return {cache: pent_speed(text, "denoise", "cache", cache) for cache in ("none", "prefix", "dual")}


class Transformers:
    """Hugging Face generate in bfloat16, in a process of its own: with the Python that script/parity set up."""

    def __init__(self, threads):
        self.threads = threads
        parity = ROOT / "build" / "parity" / ".venv" / "bin" / "python"
        self.python = parity if parity.exists() else "python3"

    def decode(self, file, streams, repeats):
        if not succeeds([self.python, "-c", "import gguf, tokenizers, torch, transformers"]):
            raise Skip("transformers is not importable; script/parity sets it up")
        text = output_of([self.python, "-W", "ignore", HERE / "transformers_decode.py", self.threads, streams, PROMPT,
                          TOKENS, repeats])
        return {"decode": json.loads(text.splitlines()[-1])["tokens_per_second"]}
