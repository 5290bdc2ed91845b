"""Where things lie, and how other programs are run."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "bench" / "peers"


class Skip(Exception):
    """A case cannot be measured here; the message says what is missing."""


class Failed(Exception):
    """A program did not do what was asked of it."""


def pent_home():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("PENT_HOME") or pathlib.Path(cache) / "pent")


def peers_dir():
    return pent_home() / "peers"


def say(text):
    print(text, file=sys.stderr, flush=True)


def output_of(command, both=False, given=None):
    """What a program prints: its standard output, or with `both` also standard error. given: its standard input."""
    command = [str(part) for part in command]
    # What a denoised canvas of nonsense decodes to need not be UTF-8.
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", input=given)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()[-1]
        raise Failed(f"{' '.join(command)}: exit status {done.returncode}: {last}")
    return done.stdout + done.stderr if both else done.stdout


def succeeds(command):
    return subprocess.run([str(part) for part in command], capture_output=True).returncode == 0


def show(command, **options):
    """Runs something long; its output goes to standard error, which leaves standard output to the table."""
    command = [str(part) for part in command]
    say("+ " + " ".join(command))
    if subprocess.run(command, stdout=sys.stderr, **options).returncode != 0:
        raise SystemExit(f"peers: {command[0]} failed; its output is above")
