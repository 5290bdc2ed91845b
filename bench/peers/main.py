"""pent beside its peers on the same weights (README.md); started by `run`, which brings what it needs."""

import argparse
import json
import os
import pathlib
from dataclasses import asdict

import measure
import report
from build import LlamaCppTree
from cases import CASES
from common import ROOT, Failed, Skip, say
from engines import LlamaCpp, Pent, Transformers
from weights import Weights


def arguments():
    parser = argparse.ArgumentParser(prog="bench/peers/run", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="of --list; none: all")
    parser.add_argument("--list", action="store_true", help="names the cases")
    parser.add_argument("--prepare", action="store_true", help="only builds llama.cpp and makes the weight files")
    parser.add_argument("--rounds", type=int, default=7, help="of peer and pent in turn (default %(default)s)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)),
                        help="of both (default %(default)s)")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="all figures of all rounds as well")
    args = parser.parse_args()
    unknown = set(args.cases) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}; --list names them")
    if args.rounds < 1 or args.threads < 1:
        parser.error("--rounds and --threads are at least 1")
    return args


def pent_binary():
    binary = pathlib.Path(os.environ.get("PENT") or ROOT / "build" / "release" / "pent").absolute()
    if not os.access(binary, os.X_OK):
        raise SystemExit(f"peers: {binary} is not built; script/test builds it ($PENT: another binary)")
    return binary


def prepared(cases, weights):
    """Case name to its file, or to why there is none."""
    files = {}
    for case in cases:
        try:
            files[case.name] = weights.path(case.weights)
        except (Failed, Skip) as reason:
            files[case.name] = reason
            say(f"{case.name}: {reason}")
    return files


def measured(case, file, peer, pent, rounds):
    done = measure.alternate(lambda: case.measure(peer, file, case.repeats),
                             lambda: case.measure(pent, file, case.repeats), rounds,
                             lambda number: say(f"{case.name}: round {number} of {rounds}"))
    kept = measure.undisturbed(done, case.rows[0].peer)
    return {"weights": file.name, "rounds": rounds, "discarded": rounds - len(kept),
            "rows": [measure.summary(kept, row) for row in case.rows], "all_rounds": [asdict(each) for each in done]}


def run_case(case, file, peer, pent, rounds):
    head = {"name": case.name, "peer": case.peer}
    try:
        if isinstance(file, Exception):
            raise file
        return head | measured(case, file, peer, pent, rounds)
    except Skip as reason:
        return head | {"skipped": str(reason)}
    except Failed as reason:
        return head | {"failed": str(reason)}


def main():
    args = arguments()
    cases = [case for case in CASES if not args.cases or case.name in args.cases]
    if args.list:
        for case in cases:
            print(f"{case.name:<14} {case.rows[0].label}, against {case.peer}")
        return 0
    if not args.prepare:
        measure.refuse_if_busy()  # before minutes of building in vain
    binary, tree = pent_binary(), LlamaCppTree()
    tree.build()
    files = prepared(cases, Weights(tree, binary))
    if args.prepare:
        return 0
    measure.refuse_if_busy()
    peers = {"llama.cpp": LlamaCpp(tree.bin, args.threads), "transformers": Transformers(args.threads)}
    pent = Pent(binary, args.threads)
    facts = report.facts(tree.describe(), binary, args.threads)
    report.print_head(facts)
    for case in cases:
        facts["cases"].append(run_case(case, files[case.name], peers[case.peer], pent, args.rounds))
        report.print_case(facts["cases"][-1])
        if args.json:  # after each case: an interrupted run leaves what it has
            args.json.write_text(json.dumps(facts, indent=1) + "\n")
    report.print_end(facts)
    return 1 if any("failed" in case for case in facts["cases"]) else 0


if __name__ == "__main__":
    raise SystemExit(main())
