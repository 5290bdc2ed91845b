"""Rounds of peer and pent in turn, which of them count, and whether the machine is idle enough to begin."""

import os
import statistics
import time
from dataclasses import dataclass

MAX_OTHERS = 0.05  # of the CPU, by other processes, before anything is measured
MIN_PEER = 0.90  # of the peer's best round: below it something disturbed the machine


def parse_stat(text, cpus):
    """Busy and total seconds of these CPUs in /proc/stat. Idle and waiting for a disk are not busy; stolen time is."""
    busy = total = 0
    for line in text.splitlines():
        name, *ticks = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cpus:
            user, nice, system, idle, iowait, irq, softirq, steal = map(int, ticks[:8])  # guests are in user and nice
            busy += user + nice + system + irq + softirq + steal
            total += user + nice + system + idle + iowait + irq + softirq + steal
    hertz = os.sysconf("SC_CLK_TCK")
    return busy / hertz, total / hertz


def others_share(busy, total, own):
    """Of the CPU time there was, what went to others; ticks are coarse, so it may come out below nothing."""
    return max(0.0, busy - own) / total if total > 0 else 0.0


class OthersMeter:
    """The CPU share of other processes since the object was made. Children count as our own once they have ended."""

    def __init__(self):
        self.before = self._now()

    def share(self):
        return others_share(*(after - before for before, after in zip(self.before, self._now())))

    @staticmethod
    def _now():
        with open("/proc/stat") as file:
            busy, total = parse_stat(file.read(), os.sched_getaffinity(0))
        return busy, total, sum(os.times()[:4])


def refuse_if_busy(seconds=2):
    meter = OthersMeter()
    time.sleep(seconds)
    share = meter.share()
    if share > MAX_OTHERS:
        raise SystemExit(f"peers: other processes take {share:.0%} of the CPU, at most {MAX_OTHERS:.0%} is allowed; "
                         "stop them and try again")


@dataclass
class Round:
    peer: dict  # figures by name, tokens per second
    pent: dict
    others: float  # the CPU share of other processes meanwhile


def alternate(peer, pent, rounds, tell):
    """A B A B …: what drifts on the machine meets both alike."""
    done = []
    for number in range(1, rounds + 1):
        tell(number)
        meter = OthersMeter()
        done.append(Round(peer(), pent(), meter.share()))
    return done


def undisturbed(rounds, key):
    best = max(each.peer[key] for each in rounds)
    return [each for each in rounds if each.peer[key] >= MIN_PEER * best]


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def summary(rounds, row):
    """Ratios round by round, then their spread: not the ratio of two medians from different rounds."""
    return {"label": row.label, "at_least": row.at_least, "goal": row.goal,
            "ratio": spread([each.pent[row.pent] / each.peer[row.peer] for each in rounds]),
            "pent_tokens_per_second": spread([each.pent[row.pent] for each in rounds]),
            "peer_tokens_per_second": spread([each.peer[row.peer] for each in rounds])}
