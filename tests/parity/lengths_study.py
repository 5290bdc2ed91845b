"""How near the calibrated search comes to the length of what was cut out: lengths_study.py PENT TEXTS SEED.

The model's own stories, of each a span of whole words cut out; `[[*]]` stands for it. Prints a JSON summary. The two guesses that
know nothing of the text, a fixed length and the spans' own median, stand beside it.
"""
import json
import random
import statistics
import subprocess
import sys


def pent(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def tokens(program, text):
    return len(json.loads(pent(program, "tokenize", text)))


def ranks(values):
    order = sorted(values)
    return [order.index(v) + (order.count(v) - 1) / 2 for v in values]


def main():
    program, texts, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    true, found, nfe = [], [], []
    for n in range(texts):
        story = json.loads(pent(program, "run", "--json", "--no-live", "--max-tokens", "120", "--seed", str(n), "Tell me a story."))["text"]
        words = story.split(" ")[:70]
        length = rng.choice([1, 2, 3, 4, 6, 8, 12, 16, 20])
        if len(words) < length + 20:
            continue
        begin = rng.randrange(10, len(words) - length - 5)
        before, cut, after = (" ".join(words[a:b]) for a, b in ((0, begin), (begin, begin + length), (begin + length, None)))
        escape = lambda text: text.replace("[[", "\\[[")
        answer = json.loads(pent(program, "fill", "--json", "--no-live", f"{escape(before)} [[*]] {escape(after)}"))
        true.append(tokens(program, " " + cut))
        found.append(answer["holes"]["1"]["tokens"])
        nfe.append(answer["nfe"] - found[-1])
    errors = [abs(a - b) for a, b in zip(true, found)]
    median = statistics.median(true)
    print(json.dumps({
        "spans": len(true),
        "spearman": round(statistics.correlation(ranks(true), ranks(found)), 3),
        "mean_error": round(statistics.mean(errors), 2),
        "mean_error_of_the_median": round(statistics.mean(abs(t - median) for t in true), 2),
        "within_2": round(sum(e <= 2 for e in errors) / len(errors), 3),
        "mean_true": round(statistics.mean(true), 2), "mean_found": round(statistics.mean(found), 2),
        "search_forwards": round(statistics.mean(nfe), 2)}))


if __name__ == "__main__":
    main()
