"""Renders the chat templates that llama.cpp's source distribution ships with the conversations of conversations.py, in
jinja2 and in our interpreter, and compares: equal text, or both refuse.

TEMPLATES is models/templates of llama.cpp; without it, that of the tree that bench/peers/build.py unpacks."""

import argparse
import collections
import functools
import json
import os
import pathlib
import subprocess

from conversations import CONVERSATIONS
from jinja_environment import NOW, environment

REQUIRED = 0.95  # of the renderings that jinja2 makes


def templates_folder():
    cache = pathlib.Path(os.environ.get("PENT_HOME") or
                         pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "pent")
    folders = sorted(cache.glob("peers/llama-cpp-python-*/vendor/llama.cpp/models/templates"))
    return folders[-1] if folders else None


@functools.cache
def compiled(source):
    return environment().from_string(source)


def reference(source, conversation):
    try:
        return {"text": compiled(source).render(
            messages=conversation["messages"], tools=conversation["tools"], documents=None,
            add_generation_prompt=conversation["add_generation_prompt"], **conversation["variables"])}
    except Exception as problem:
        return {"error": f"{type(problem).__name__}: {problem}"}


def first_difference(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"at {at}: wanted {a[max(0, at - 30):at + 50]!r}, got {b[max(0, at - 30):at + 50]!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("render_templates", help="the binary that CMake makes of render_templates.cc")
    parser.add_argument("templates", nargs="?", type=pathlib.Path, default=templates_folder())
    parser.add_argument("-v", "--verbose", action="store_true", help="show what both refuse")
    options = parser.parse_args()
    folder = options.templates
    if folder is None or not folder.is_dir():
        print("templates: skipped, for llama.cpp's sdist is not unpacked (bench/peers --prepare)")
        return
    requests, wanted = [], []
    for path in sorted(folder.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        for name, conversation in CONVERSATIONS.items():
            requests.append({"template": source, "where": path.name, "now": int(NOW.timestamp()), **conversation})
            wanted.append((path.name, name, reference(source, conversation)))
    done = subprocess.run([options.render_templates], input="".join(json.dumps(r) + "\n" for r in requests), capture_output=True,
                          text=True, check=True)
    outcomes, problems = collections.Counter(), []
    for (template, conversation, want), line in zip(wanted, done.stdout.rstrip("\n").split("\n"), strict=True):
        got = json.loads(line)
        outcome = {(True, True): "equal", (False, False): "refused by both", (True, False): "refused by us alone",
                   (False, True): "refused by jinja2 alone"}["text" in want, "text" in got]
        if outcome == "equal" and want != got:
            outcome = "different"
        outcomes[outcome] += 1
        if outcome in ("different", "refused by us alone", "refused by jinja2 alone"):
            detail = first_difference(want["text"], got["text"]) if outcome == "different" else \
                (got.get("error") or want["error"]).splitlines()[0]
            problems.append(f"{outcome}: {template}, {conversation}: {detail[:300]}")
        elif outcome == "refused by both" and options.verbose:
            print(f"{template}, {conversation}:\n    jinja2: {want['error']}\n    pent:   {got['error']}")
    print("\n".join(problems))
    total = len(wanted)
    print(f"templates: {total} renderings: " + ", ".join(f"{n} {what}" for what, n in outcomes.most_common()))
    rendered = outcomes["equal"] / (total - outcomes["refused by both"] - outcomes["refused by jinja2 alone"])
    if rendered < REQUIRED or outcomes["different"] or outcomes["refused by jinja2 alone"]:
        raise SystemExit("templates: DIFFERENT")


if __name__ == "__main__":
    main()
