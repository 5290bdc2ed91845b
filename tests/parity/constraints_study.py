"""Random (regex | schema | grammar, seed) pairs through pent-constraints; every text judged by re, jsonschema or lark.

constraints_study.py PROGRAM PAIRS MODEL… prints one line a failure and a JSON summary; fails if any text is wrong.
"""
import collections
import json
import random
import signal
import subprocess
import sys

from constraint_languages import random_pair

PRESETS = ["llada", "fast-dllm", "dream", "eb", "mdlm", "remdm", "p2", "llada2.1"]
WHOLE_CANVAS = ["mdlm", "remdm", "p2"]  # not for block-causal attention


def give_up(*_):
    raise TimeoutError("the judge took longer than 5 s")


class Program:
    """pent-constraints with one model."""

    def __init__(self, program, model):
        self.causal = "llama" in model or "qwen" in model
        in_blocks = "sdar" in model or "llada2" in model
        self.presets = [preset for preset in PRESETS if not (in_blocks and preset in WHOLE_CANVAS)]
        self.process = subprocess.Popen([program, "-m", model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)

    def __call__(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def judge(check, answer):
    """What is wrong with the answer, nothing, or "not judged"."""
    if answer["finish_reason"] not in ("stop", "length"):
        return answer["finish_reason"]
    signal.alarm(5)
    try:
        return check(answer["text"])
    except TimeoutError:
        return "not judged"
    finally:
        signal.alarm(0)


def summarise(counts, seconds, forwards, reasons):
    kinds = sorted({kind for kind, _ in counts})
    told = ("valid", "wrong", "not judged", "too short", "not written")
    total = lambda what: sum(counts[kind, what] for kind in kinds)
    possible = total("valid") + total("wrong") + total("not judged") + total("not written")
    print(json.dumps({"kinds": {kind: {what: counts[kind, what] for what in told} for kind in kinds},
                      "pairs": sum(counts.values()), "finished_of_possible": (total("valid") + total("not judged")) / max(possible, 1),
                      "ms_per_forward": {kind: round(1000 * seconds[kind] / max(forwards[kind], 1), 3) for kind in sorted(seconds)},
                      "refusals": dict(reasons.most_common(12))}, indent=1))
    return 1 if total("wrong") else 0


def main():
    signal.signal(signal.SIGALRM, give_up)
    program, pairs, models = sys.argv[1], int(sys.argv[2]), [Program(sys.argv[1], model) for model in sys.argv[3:]]
    counts, reasons, seconds, forwards = (collections.Counter() for _ in range(4))
    try:
        for n in range(pairs):
            rng = random.Random(n)
            model = models[n % len(models)]
            kind, text, check = random_pair(rng)
            sizes = [12, 16, 24] if kind == "grammar" else [32, 48, 64, 96]  # lark takes the cube of the length
            request = {"kind": kind, "text": text, "seed": n, "max_tokens": rng.choice(sizes), "temperature": rng.choice([0, 1, 1])}
            if not model.causal:
                request["preset"] = rng.choice(model.presets)
                if request["preset"] in ("llada", "dream", "mdlm", "remdm", "p2"):
                    request["steps"] = rng.choice([4, 16])
            answer = model(request)
            if "refused" in answer:
                reason = answer["refused"].split(": ", 1)[-1]
                short = "there is room for" in reason
                reasons["too short" if short else reason[:70]] += 1
                counts[kind, "too short" if short else "not written"] += 1
                continue
            plain = model({**request, "kind": "none"})  # the same without a constraint: what a forward takes then
            for name, made in ((kind, answer), (kind + " without", plain)):
                seconds[name] += made["seconds"]
                forwards[name] += made["nfe"]
            problem = judge(check, answer)
            counts[kind, problem if problem == "not judged" else "wrong" if problem else "valid"] += 1
            if problem and problem != "not judged":
                print(f"WRONG {json.dumps(request, ensure_ascii=False)}\n  {answer!r}\n  {problem}", file=sys.stderr)
    except KeyboardInterrupt:
        pass  # what is there so far
    return summarise(counts, seconds, forwards, reasons)


if __name__ == "__main__":
    sys.exit(main())
