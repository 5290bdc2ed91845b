"""transformers_decode.py THREADS STREAMS PROMPT TOKENS REPEATS: tokens a second of Hugging Face generate in bfloat16 on
SmolLM2's weights, dequantised as script/parity does it. A program of its own, since it wants another Python."""

import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "parity"))

import torch  # noqa: E402

from smollm2 import SmolLM2  # noqa: E402


def seconds_to_generate(model, prompts, count):
    start = time.perf_counter()
    model.generate(prompts, attention_mask=torch.ones_like(prompts), do_sample=False, min_new_tokens=count,
                   max_new_tokens=count, pad_token_id=0)
    return time.perf_counter() - start


def main():
    threads, streams, prompt, tokens, repeats = map(int, sys.argv[1:])
    torch.set_num_threads(threads)
    model = SmolLM2().model.to(torch.bfloat16)
    model.generation_config.eos_token_id = None
    prompts = torch.randint(100, 4000, (streams, prompt), generator=torch.Generator().manual_seed(1))
    seconds_to_generate(model, prompts, 2)  # the first call sets things up
    speeds = []
    for _ in range(repeats):
        # The prompts' own forward is not decoding.
        first = seconds_to_generate(model, prompts, 1)
        speeds.append(streams * tokens / (seconds_to_generate(model, prompts, 1 + tokens) - first))
    print(json.dumps({"tokens_per_second": statistics.median(speeds)}))


with torch.no_grad():
    main()
