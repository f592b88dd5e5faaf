#!/usr/bin/env python3
"""benchtable.py FOLDER [DOCS]: medians of the rounds in FOLDER (NAME.ROUND.json) as a table and one JSON line.

With DOCS, benchmarks.md and benchmarks.svg are written there.
"""
import glob
import html
import json
import os
import platform
import statistics
import sys
from datetime import date

OURS = {"ntm": "ntm, AES-256-GCM", "ntm-chacha": "ntm, ChaCha20-Poly1305"}
PLAIN = {"plain": "no tunnel", "plain-off": "no tunnel, offloads off"}
COLUMNS = [("tcp1", "TCP 1 stream, Mbit/s"), ("tcp4", "TCP 4 streams, Mbit/s"), ("cpu1", "CPU s per GiB and side"),
           ("udp1200", "UDP 1200 B, packets/s"), ("udp200", "UDP 200 B"), ("udp64", "UDP 64 B"),
           ("rr.p50", "round trip p50, µs"), ("rr.p99", "p99, µs"), ("rss_mib", "RSS, MiB")]
# Where less is better.
COSTS = {"cpu1", "rr.p50", "rr.p99", "rss_mib"}


def value(line, key):
    if key in ("cpu1", "rss_mib"):
        sides = line.get(key)
        return max(sides.values()) if sides else None
    for step in key.split("."):
        line = (line or {}).get(step)
    return line


def medians(rounds):
    row = {}
    for key, _ in COLUMNS:
        values = [v for v in (value(line, key) for line in rounds) if v is not None]
        if values:
            row[key] = round(statistics.median(values), 2)
    return row


def best(rows, key):
    """The best peer's name and value."""
    have = [(row[key], name) for name, row in rows.items() if key in row]
    if not have:
        return None, None
    found = min(have) if key in COSTS else max(have)
    return found[1], found[0]


def ratios(row, peers, plain):
    out = {}
    for name, key in (("tcp1", "tcp1"), ("tcp4", "tcp4"), ("cpu", "cpu1"), ("udp200", "udp200"), ("udp64", "udp64"),
                      ("rr_p50", "rr.p50"), ("rr_p99", "rr.p99")):
        other = best(peers, key)[1]
        if other and key in row:
            out[name] = round(row[key] / other, 2)
    if plain.get("udp1200") and "udp1200" in row:
        out["udp"] = round(row["udp1200"] / plain["udp1200"], 2)
    return out


def cells(row):
    return [f"{row[key]:,.0f}" if key in row and row[key] >= 1000 else str(row.get(key, "-")) for key, _ in COLUMNS]


def medians_of(counts):
    most = max(counts.values())
    return "One round only: noisy." if most == 1 else f"Medians of {most} rounds in turn."


def markdown(rows, counts, ratio):
    out = ["# What the tunnel carries", "",
           f"`make bench`, {date.today().isoformat()}, Linux {platform.release()}, {os.cpu_count()} processors for everything: "
           "two hosts, two gateways and the network between them are namespaces on one machine. "
           f"{medians_of(counts)} The CPU time is the daemon's, the dearer side's. Everybody has its own defaults: "
           "cipher, threads, longest packet (WireGuard 1,420 bytes, nebula 1,300, ours 1,440).", "",
           "![TCP with one stream, and the CPU time of a GiB](benchmarks.svg)", "",
           "| | " + " | ".join(title for _, title in COLUMNS) + " |", "|---|" + "---|" * len(COLUMNS)]
    for name, row in rows.items():
        out.append(f"| {OURS.get(name) or PLAIN.get(name) or name} | " + " | ".join(cells(row)) + " |")
    out += ["", "Ours to the best peer's (UDP 1200 B: to no tunnel):", ""]
    for name, numbers in ratio.items():
        out.append(f"- {OURS[name]}: " + ", ".join(f"{key} {number}" for key, number in numbers.items()))
    return "\n".join(out) + "\n"


STYLE = """
    text { fill: #1c2733 } .s { fill: #5b6b7d; font-size: 12px } .ours { fill: #1f7a4d } .peer { fill: #40597a } .plain { fill: #9db2cc }
    @media (prefers-color-scheme: dark) { text { fill: #e6edf5 } .s { fill: #a9b8c9 } .ours { fill: #5fd39b } .peer { fill: #8fb0d8 }
      .plain { fill: #37475a } }"""
WIDTH, LEFT, ROW = 900, 190, 24


def number_of(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def drawn(rows):
    panels = [("tcp1", "TCP with one stream, Mbit/s"), ("cpu1", "CPU seconds of a GiB, each side")]
    wide = (WIDTH - LEFT - 40) // 2
    height = 60 + ROW * len(rows) + 16
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d" '
           'font-family="system-ui, sans-serif" font-size="14">', '<title id="t">What tunnels carry, and what it costs</title>',
           '<desc id="d">For each tunnel a bar of its TCP rate, and one of the processor time that a GiB takes.</desc>',
           f"<style>{STYLE}</style>"]
    for number, (key, title) in enumerate(panels):
        x = LEFT + number * (wide + 30)
        # Without a tunnel it is so much more that the others could not be told apart.
        most = max((row[key] for name, row in rows.items() if key in row and name not in PLAIN), default=1)
        out.append(f'<text x="{x}" y="28">{title}</text>')
        for at, (name, row) in enumerate(rows.items()):
            y = 50 + at * ROW
            if number == 0:
                label = OURS.get(name) or PLAIN.get(name) or name
                out.append(f'<text x="{LEFT - 10}" y="{y + 13}" text-anchor="end">{html.escape(label)}</text>')
            if key not in row:
                continue
            kind = "ours" if name in OURS else "plain" if name in PLAIN else "peer"
            length = round((wide - 70) * min(1, row[key] / most), 1)
            out.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{length}" height="{ROW - 8}" rx="2"/>')
            out.append(f'<text class="s" x="{x + length + 6}" y="{y + 12}">{number_of(row[key])}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    rounds, failed = {}, []
    for file in sorted(glob.glob(f"{sys.argv[1]}/*.json"), key=os.path.getmtime):
        name = os.path.basename(file).split(".")[0]
        try:
            line = json.load(open(file))
        except ValueError:
            line = {"ok": False}
        if line.get("ok"):
            rounds.setdefault(name, []).append(line)
        else:
            failed.append(os.path.basename(file))
    rows = {name: medians(lines) for name, lines in rounds.items()}
    peers = {name: row for name, row in rows.items() if name not in OURS and name not in PLAIN}
    ratio = {name: ratios(rows[name], peers, rows.get("plain", {})) for name in OURS if name in rows}
    print(f"{'':<26}" + "".join(f"{title.split(',')[0][:11]:>12}" for _, title in COLUMNS))
    for name, row in rows.items():
        print(f"{OURS.get(name) or PLAIN.get(name) or name:<26}" + "".join(f"{cell:>12}" for cell in cells(row)))
    if len(sys.argv) > 2 and rows and not failed:
        counts = {name: len(lines) for name, lines in rounds.items()}
        open(f"{sys.argv[2]}/benchmarks.md", "w").write(markdown(rows, counts, ratio))
        open(f"{sys.argv[2]}/benchmarks.svg", "w").write(drawn(rows))
    for file in failed:
        print(f"failed: {file}", file=sys.stderr)
    print(json.dumps({"bench": "tunnel", "ours": rows.get("ntm", {}), "peers": peers, "ratio": ratio.get("ntm", {}),
                      "ours_chacha": rows.get("ntm-chacha", {}), "ratio_chacha": ratio.get("ntm-chacha", {}),
                      "plain": {name: rows[name] for name in PLAIN if name in rows}}, separators=(",", ":")))
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
