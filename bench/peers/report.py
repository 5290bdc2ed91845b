"""What is printed: the circumstances, then a table with the ratios asked for beside the ones measured."""

import datetime
import os
import platform
import subprocess

from common import ROOT

TELLING_FEATURES = ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm"]


def cpu_facts(text):
    """Model and the features that decide between kernels, of /proc/cpuinfo."""
    facts = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    return {"model": facts.get("model name", platform.machine()),
            "features": [feature for feature in TELLING_FEATURES if feature in flags]}


def pent_facts(binary):
    def text_of(*command):
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    return {"version": text_of(binary, "--version"), "commit": text_of("git", "describe", "--always", "--dirty")}


def facts(peer, pent_binary, threads):
    with open("/proc/cpuinfo") as file:
        cpu = cpu_facts(file.read())
    cpu["usable"] = len(os.sched_getaffinity(0))
    return {"schema": 1, "date": datetime.date.today().isoformat(), "cpu": cpu,
            "threads": threads, "peer": peer, "pent": pent_facts(pent_binary), "cases": []}


def print_head(report):
    cpu, peer, pent = report["cpu"], report["peer"], report["pent"]
    print(f"{report['date']}  {cpu['model']} ({', '.join(cpu['features'])}), {cpu['usable']} CPUs, "
          f"{report['threads']} threads")
    print(f"{peer['name']} {peer['commit']}: {' '.join(peer['flags'])}; {peer['compiler']}")
    print(f"{pent['version']}, {pent['commit']}\n")
    print(f"{'tokens/s, medians; ratios per round':<44}{'peer':>9}{'pent':>9} |{'min':>7}{'median':>8}{'max':>7} |"
          f"{'at least':>9}{'goal':>6} | rounds", flush=True)


def table_line(row, kept, rounds):
    ratio = row["ratio"]
    asked = f"{row['at_least'] or '':>9}{row['goal'] or '':>6}"
    verdict = "" if row["at_least"] is None else "  holds" if ratio["median"] >= row["at_least"] else "  MISSED"
    return (f"{row['label']:<44}{row['peer_tokens_per_second']['median']:>9.1f}"
            f"{row['pent_tokens_per_second']['median']:>9.1f} |{ratio['min']:>7.2f}{ratio['median']:>8.2f}"
            f"{ratio['max']:>7.2f} |{asked} | {kept} of {rounds}{verdict}")


def print_case(case):
    if "skipped" in case:
        print(f"{case['name']}: skipped: {case['skipped']}", flush=True)
    elif "failed" in case:
        print(f"{case['name']}: FAILED: {case['failed']}", flush=True)
    else:
        kept = case["rounds"] - case["discarded"]
        for row in case["rows"]:
            print(table_line(row, kept, case["rounds"]), flush=True)


def print_end(report):
    measured = [case for case in report["cases"] if "rows" in case]
    discarded = sum(case["discarded"] for case in measured)
    total = sum(case["rounds"] for case in measured)
    print(f"\n{discarded} of {total} rounds discarded: the peer fell below 90 % of its best in them")
