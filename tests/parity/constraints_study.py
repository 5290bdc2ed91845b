"""Random (regex | schema | grammar, seed) pairs through pent-constraints; every text judged by re, jsonschema or lark.

constraints_study.py PROGRAM PAIRS MODEL… prints one line a failure and a JSON summary; fails if any text is wrong.
"""
import collections
import json
import random
import subprocess
import sys
import time

from constraint_languages import random_pair

PRESETS = ["llada", "fast-dllm", "dream", "eb", "mdlm", "remdm", "p2", "llada2.1"]


def main():
    program, pairs, models = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    totals, by_kind = collections.Counter(), collections.Counter()
    reasons, seconds = collections.Counter(), collections.Counter()
    for m, model in enumerate(models):
        count = pairs // len(models) + (m < pairs % len(models))
        causal = "llama" in model or "qwen" in model
        process = subprocess.Popen([program, "-m", model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(count):
            seed = m * 1_000_000 + n
            rng = random.Random(seed)
            kind, text, check = random_pair(rng)
            request = {"kind": kind, "text": text, "seed": seed, "max_tokens": rng.choice([32, 48, 64, 96]),
                       "temperature": rng.choice([0, 1, 1])}
            if not causal:
                request["preset"] = rng.choice(PRESETS)
                if request["preset"] in ("llada", "dream", "mdlm", "remdm", "p2"):
                    request["steps"] = rng.choice([4, 16])
            began = time.monotonic()
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            seconds[kind] += time.monotonic() - began
            totals[kind] += 1
            if "refused" in answer:
                reason = answer["refused"].split(": ", 1)[-1]
                short = "too short" if "there is room for" in reason else reason[:60]
                reasons[short] += 1
                by_kind[kind, "refused" if short == "too short" else "not written"] += 1
                continue
            problem = check(answer["text"]) if answer["finish_reason"] in ("stop", "length") else answer["finish_reason"]
            by_kind[kind, "wrong" if problem else "valid"] += 1
            if problem:
                print(f"WRONG {json.dumps(request, ensure_ascii=False)}\n  {answer!r}\n  {problem}", file=sys.stderr)
        process.stdin.close()
        process.wait()
    summary = {kind: {"pairs": totals[kind], "seconds": round(seconds[kind], 1),
                      **{what: by_kind[kind, what] for what in ("valid", "wrong", "refused", "not written")}} for kind in totals}
    finished = sum(by_kind[kind, "valid"] for kind in totals)
    possible = sum(totals.values()) - sum(by_kind[kind, "refused"] for kind in totals)
    print(json.dumps({"kinds": summary, "finished_of_possible": finished / possible, "refusals": dict(reasons.most_common(12))}, indent=1))
    return 1 if any(by_kind[kind, "wrong"] for kind in totals) else 0


if __name__ == "__main__":
    sys.exit(main())
