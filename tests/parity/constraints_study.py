"""Random (regex | schema | grammar, seed) pairs through pent-constraints; every text judged by re, jsonschema or lark.

constraints_study.py PROGRAM PAIRS EMBEDDED MODEL…: every fourth pair goes to the embedded model, the others to the random-weight ones in turn,
until PAIRS of them have been judged. Prints a JSON summary and puts its tables into docs/constraints.md between their marks; fails if a text
is wrong, if fewer than 99 % finish where the length suffices, or if "too short" was said wrongly.

A length suffices where the canvas has as many cells as a text known to be of the language has bytes. Where a canvas is refused as too
short, the pair is asked again with exactly the length that the refusal calls the shortest (that must be written) and with one less
(that must be refused).
"""
import collections
import json
import multiprocessing
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import time

from constraint_languages import random_pair

DOC = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/constraints.md"
PRESETS = ["llada", "fast-dllm", "dream", "eb", "mdlm", "remdm", "p2", "llada2.1"]
BY_STEPS = ["llada", "dream", "mdlm", "remdm", "p2"]
WHOLE_CANVAS = ["mdlm", "remdm", "p2"]  # not for block-causal attention
KINDS = {"regex": "regex", "json_schema": "JSON Schema", "grammar": "grammar"}
EMBEDDED, RANDOM = "embedded", "random weights"
SHORT = re.compile(r"the shortest text that matches it has (\d+) tokens, and there is room for (\d+)")
LONGEST = 100  # tokens that every model has room for behind the prompt


def give_up(*_):
    raise TimeoutError("the judge took longer than 5 s")


class Program:
    """pent-constraints with one model."""

    def __init__(self, program, model, name):
        self.name = name
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


class Study:
    def __init__(self):
        self.counts = collections.Counter()  # (model, kind, what)
        self.ratios, self.with_ms, self.without_ms, self.ready_ms = (collections.defaultdict(list) for _ in range(4))
        self.wrong = 0

    def add(self, other):
        self.counts.update(other.counts)
        self.wrong += other.wrong
        for name in ("ratios", "with_ms", "without_ms", "ready_ms"):
            for key, values in getattr(other, name).items():
                getattr(self, name)[key] += values

    def report(self, problem, request, answer):
        self.wrong += 1
        print(f"WRONG {json.dumps(request, ensure_ascii=False)}\n  {answer!r}\n  {problem}", file=sys.stderr)

    def ask(self, model, n):
        """One pair; whether it was judged."""
        rng = random.Random(n)
        kind, text, check, enough = random_pair(rng)
        sizes = [12, 16, 24] if kind == "grammar" else [32, 48, 64, 96]  # lark takes the cube of the length
        request = {"kind": kind, "text": text, "seed": n, "max_tokens": rng.choice(sizes), "temperature": rng.choice([0, 1, 1])}
        if not model.causal:
            request["preset"] = rng.choice(model.presets)
            if request["preset"] in BY_STEPS:
                request["steps"] = rng.choice([4, 16])
        count = lambda what: self.counts.update([(model.name, kind, what)])
        suffices = request["max_tokens"] >= enough
        first = self.plain_first(model, request, rng) if rng.random() < 0.25 else None
        answer = model(request)
        if "refused" in answer:
            self.check_refusal(model, request, check, answer["refused"], count)
            if suffices:
                count("suffices")
                self.report("refused though it suffices", request, answer)
            return True
        problem = judge(check, answer)
        if problem == "not judged":
            count("not judged")
            return False
        if suffices:
            count("suffices")
            count("finished") if not problem else None
        count("wrong" if problem else "valid")
        if problem:
            self.report(problem, request, answer)
        self.measure(model, request, answer, first)
        return True

    def plain_first(self, model, request, rng):
        """The same without a constraint, in half of the cases before it: (answer, or None when it is to be asked after)."""
        return (model({**request, "kind": "none"}) if rng.random() < 0.5 else None,)

    def measure(self, model, request, answer, first):
        key = model.name, request["kind"]
        self.ready_ms[key].append(1000 * answer["seconds_before"])
        if first is None or answer["nfe"] == 0:
            return
        plain = first[0] or model({**request, "kind": "none"})
        if plain["nfe"] == 0:
            return
        a_forward = 1000 * answer["seconds"] / answer["nfe"], 1000 * plain["seconds"] / plain["nfe"]
        self.with_ms[key].append(a_forward[0])
        self.without_ms[key].append(a_forward[1])
        self.ratios[key].append(a_forward[0] / a_forward[1])

    def check_refusal(self, model, request, check, refused, count):
        short = SHORT.search(refused)
        if not short:
            count("refused otherwise")
            return self.report("refused for another reason than its length", request, refused)
        count("too short")
        shortest = int(short[1])
        if shortest > LONGEST:
            return None
        count("asked again")
        exact, less = model({**request, "max_tokens": shortest}), model({**request, "max_tokens": shortest - 1})
        problem = "refused at the length it called the shortest" if "refused" in exact else judge(check, exact)
        if "refused" not in less:
            problem = "written in less than the length it called the shortest"
        if problem:
            return self.report(problem, request, [refused, exact, less])
        count("written at the shortest")

    def total(self, model, kind, what):
        return sum(count for (m, k, w), count in self.counts.items() if w == what and model in (m, None) and kind in (k, None))

    def rate(self, model=None, kind=None):
        return self.total(model, kind, "finished") / max(1, self.total(model, kind, "suffices"))

    def tables(self, pairs, seconds):
        judged = self.total(None, None, "valid") + self.total(None, None, "wrong")
        text = (f"{pairs} pairs ({time.strftime('%Y-%m-%d')}, {seconds / 60:.0f} minutes): {judged} texts, "
                f"{self.total(None, None, 'wrong')} of them wrong; {self.total(None, None, 'too short')} canvases refused as too short. "
                f"Where the length suffices {100 * self.rate():.2f} % finish.\n\n"
                "| model | constraint | texts valid | wrong | length suffices | of these finished | refused: too short | "
                "written at the shortest length | lark gave up |\n|---|---|---|---|---|---|---|---|---|\n")
        for model in (EMBEDDED, RANDOM):
            for kind in KINDS:
                total = lambda what: self.total(model, kind, what)
                text += (f"| {model} | {KINDS[kind]} | {total('valid')} | {total('wrong')} | {total('suffices')} | "
                         f"{100 * self.rate(model, kind):.2f} % | {total('too short')} | {total('written at the shortest')} of "
                         f"{total('asked again')} | {total('not judged')} |\n")
        text += ("\n| model | constraint | ms a forward with it | without | ratio: median (quartiles) | pairs | ms to make it ready, once |\n"
                 "|---|---|---|---|---|---|---|\n")
        for key in [(model, kind) for model in (EMBEDDED, RANDOM) for kind in KINDS if len(self.ratios[model, kind]) > 1]:
            low, middle, high = statistics.quantiles(self.ratios[key], n=4)
            text += (f"| {key[0]} | {KINDS[key[1]]} | {statistics.median(self.with_ms[key]):.2f} | "
                     f"{statistics.median(self.without_ms[key]):.2f} | **{middle:.2f}** ({low:.2f} to {high:.2f}) | "
                     f"{len(self.ratios[key])} | {statistics.median(self.ready_ms[key]):.1f} |\n")
        return text


def replace(name, text):
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    doc = DOC.read_text(encoding="utf-8")
    if begin not in doc:
        doc += f"\n{begin}{end}"
    head, rest = doc.split(begin)
    DOC.write_text(head + begin + text + end + rest.split(end)[1], encoding="utf-8")


def share(answers, program, models, pairs, worker, workers):
    """Judges so many pairs of its own; hands back the study and how many there were."""
    signal.signal(signal.SIGALRM, give_up)
    embedded, *others = [Program(program, model, RANDOM if i else EMBEDDED) for i, model in enumerate(models)]
    study, judged, turn = Study(), 0, 0
    try:
        while judged < pairs:
            n = (turn // 8 * workers + worker) * 8 + turn % 8  # eight of each worker in turn
            judged += study.ask(embedded if n % 4 == 0 or not others else others[n % len(others)], n)
            turn += 1
            if turn % 250 == 0:
                print(f"  worker {worker}: {judged} pairs, {study.wrong} wrong", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        pass  # what is there so far
    answers.send((study, judged))


def main():
    program, pairs, models, workers, start = sys.argv[1], int(sys.argv[2]), sys.argv[3:], os.cpu_count(), time.monotonic()
    running = []
    for worker in range(workers):
        here, there = multiprocessing.Pipe()
        process = multiprocessing.Process(target=share, args=(there, program, models, (pairs + worker) // workers, worker, workers))
        process.start()
        running.append((process, here))
    signal.signal(signal.SIGINT, lambda *_: [os.kill(process.pid, signal.SIGINT) for process, _ in running if process.is_alive()])
    study, judged = Study(), 0
    for process, here in running:
        of_it, count = here.recv()
        study.add(of_it)
        judged += count
        process.join()
    print(json.dumps({" ".join(key): count for key, count in sorted(study.counts.items())}, indent=1))
    replace("study", study.tables(judged, time.monotonic() - start))
    return 1 if study.wrong or study.rate() < 0.99 else 0


if __name__ == "__main__":
    sys.exit(main())
