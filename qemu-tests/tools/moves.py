#!/usr/bin/env python3
"""What moves cost, from what traffic.py wrote.

moves.py repeat OUT I            one repeat in a few words
moves.py costs OUT RTT_MS AIM... rows for the scenario's figures. An AIM is an expression as in movecosts.py, e.g.
                                 'p50 <= 1.5 * rtt + 20'

A gap is the longest silence of the datagrams of one direction, less their interval, that ends after the moment at which the
move was done; silence before that moment does not count. `out` is from laptop to camera, `in` the other way.
OUT/marks has a row `I BEFORE AFTER END END` for each repeat.
"""
import bisect
import json
import sys

import movecosts

EVERY = 10_000


def table(path):
    """Whole rows only: the last one may still be written."""
    try:
        text = open(path).read()
    except OSError:
        return []
    return [tuple(map(int, line.split())) for line in text[: text.rfind("\n") + 1].splitlines()]


class Flow:
    """The datagrams of one direction."""

    def __init__(self, sender, receiver):
        self.sent = table(f"{out}/{sender}.sent")
        got = table(f"{out}/{receiver}.udp")
        self.arrived = {}
        for number, _, at in got:
            self.arrived.setdefault(number, at)
        self.times = sorted(self.arrived.values())
        self.copies = len(got) - len(self.arrived)

    def gap(self, after, until):
        """Milliseconds; None if nothing ever came."""
        return longest(self.times, after, until, EVERY)

    def lost(self, start, end):
        return sum(1 for number, at in self.sent if start <= at < end and number not in self.arrived)


def longest(times, after, until, interval):
    i = bisect.bisect_right(times, after)
    worst, last = 0, max(after, times[i - 1]) if i else after
    if i == len(times):
        return None
    for at in times[i:]:
        if last > until:
            break
        worst, last = max(worst, at - last - interval), at
    return worst / 1000


class Repeats:
    def __init__(self):
        self.marks = table(f"{out}/marks")
        self.flows = {"out": Flow("laptop", "camera"), "in": Flow("camera", "laptop")}
        self.flows = {k: f for k, f in self.flows.items() if f.sent}
        self.lines = [at for _, _, at in table(f"{out}/laptop.lines")]

    def of(self, i):
        _, before, after, end, _ = self.marks[i]
        got = {"gap": {}, "lost": {}}
        for name, flow in self.flows.items():
            got["gap"][name] = flow.gap(after, end)
            got["lost"][name] = flow.lost(before, end)
        first = bisect.bisect_right(self.lines, after)
        got["resume"] = (self.lines[first] - after) / 1000 if first < len(self.lines) else None
        got["session"] = longest(self.lines, after, end, 100_000)
        return got


def show(v):
    return "-" if v is None else f"{v:.0f}"


def repeat(i):
    r = Repeats().of(i - 1)
    print("gap", " ".join(f"{k} {show(v)}" for k, v in r["gap"].items()), "ms, lost",
          " ".join(f"{k} {v}" for k, v in r["lost"].items()), f"session {show(r['session'])} ms,")


def costs(rtt, aims):
    repeats = Repeats()
    each = [repeats.of(i) for i in range(len(repeats.marks))]
    copies = sum(f.copies for f in repeats.flows.values())
    handovers = on_record()
    figures = movecosts.summary(rtt, each, len(table_of_deaths()), copies, handovers, aims)
    figures["each"] = [{k: rounded(v) for k, v in r.items()} for r in each]
    if handovers is not None:
        figures["handovers"] = handovers
    for k, v in figures.items():
        print(f"{k}\t{json.dumps(v)}")


def rounded(value):
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return round(value, 1) if isinstance(value, float) else value


def on_record():
    """The moving router's handovers; None of those that keep no such record."""
    try:
        with open(f"{out}/handovers.json") as f:
            handovers = [h for h in json.load(f) if h["done"] and h["cause"] != "better path found"]
    except OSError:
        return None
    counts = ("again", "lost")
    return [{**{s: h[s + "_ms"] for s in movecosts.STEPS}, **{c: h[c] for c in counts}} for h in handovers]


def table_of_deaths():
    try:
        return open(f"{out}/laptop.deaths").read().splitlines()
    except OSError:
        return []


out = sys.argv[2]
if sys.argv[1] == "repeat":
    repeat(int(sys.argv[3]))
else:
    costs(float(sys.argv[3]), sys.argv[4:])
