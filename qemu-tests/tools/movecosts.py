"""What the repeats of one move come to: the spread of their gaps, what was lost, which aims were missed.

A repeat is {"gap": {"out": ms, "in": ms}, "lost": {"out": n, "in": n}, "resume": ms, "session": ms}, None where nothing
ever came. An aim is a Python expression over rtt, p50, p99, worst, udp_lost, tcp_lost, resume.
"""
import statistics

# What the router that moves has on record, step by step (paper 001, figure 11): each counts from the event.
STEPS = ("detect", "address", "register", "direct", "tunnel", "packet")


def percentile(values, p):
    """Nearest rank."""
    values = sorted(values)
    return values[max(0, -(-len(values) * p // 100) - 1)] if values else None


def spread(values):
    return {k: round(v, 1) if v is not None else None for k, v in
            (("p50", percentile(values, 50)), ("p99", percentile(values, 99)), ("worst", max(values, default=None)))}


def there(values):
    return [v for v in values if v is not None]


def gaps(each):
    """Of each repeat, the longer one of both directions'."""
    return there(max(there(r["gap"].values()), default=None) for r in each)


def summary(rtt, each, deaths, copies, handovers, aims):
    gap = spread(gaps(each))
    resumes = there(r["resume"] for r in each)
    names = {"rtt": rtt, **gap, "tcp_lost": deaths, "udp_lost": sum(sum(r["lost"].values()) for r in each),
             "resume": max(resumes, default=None)}
    missed = [a for a in aims if any(names[n] is None for n in names if n in a) or not eval(a, {}, names)]
    figures = {"gap_ms": gap, "udp_lost": names["udp_lost"], "tcp_lost": deaths, "repeats": len(each)}
    for way in each[0]["gap"] if each else ():
        figures[f"gap_{way}_ms"] = spread(there(r["gap"][way] for r in each))
        figures[f"lost_{way}"] = sum(r["lost"][way] for r in each)
    figures["copies"] = copies
    if resumes:
        figures["resume_ms"] = spread(resumes)
        figures["session_gap_ms"] = spread(there(r["session"] for r in each))
    figures["aim"], figures["aims_missed"] = aims, missed
    if handovers is not None:
        figures["steps_ms"] = steps(handovers)
    return figures


def steps(handovers):
    times = {s: there(h[s] for h in handovers) for s in STEPS}
    medians = {s: round(statistics.median(t), 1) for s, t in times.items() if t}
    return {"handovers": len(handovers), **medians, "again": sum(h["again"] for h in handovers),
            "lost": sum(h["lost"] for h in handovers)}


def together(parts):
    """One line of the lines of several worlds that shared the repeats of a move, of which some may have failed."""
    bad = [p for p in parts if not p["ok"]]
    good = [p for p in parts if "each" in p]
    if not parts:
        return {"ok": False, "error": "not played"}
    line = {"scenario": parts[0]["scenario"], "ok": not bad}
    if bad:
        line |= {"error": "; ".join(p.get("error", "") for p in bad), "worlds_failed": len(bad)}
    line["rtt_ms"] = round(statistics.median([p["rtt_ms"] for p in parts if "rtt_ms" in p] or [0]), 1)
    if not good:
        return line
    handovers = [h for p in good for h in p["handovers"]] if all("handovers" in p for p in good) else None
    each = [r for p in good for r in p["each"]]
    figures = summary(line["rtt_ms"], each, sum(p["tcp_lost"] for p in good), sum(p["copies"] for p in good),
                      handovers, good[0]["aim"])
    left = [ms for p in good for ms in p.get("left_ms", [])]
    if left:
        figures["left_ms"] = left
    return {**line, **figures, "each": each}
