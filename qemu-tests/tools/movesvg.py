"""Draws what the moves cost: for each a line with every gap as a dot, and p50, p99, worst and the aim for p50 or worst."""
import html
import math
import re

import movecosts

LEFT, RIGHT, ROW, TOP = 210, 130, 24, 76
WIDTH = 900
STYLE = """
    text { fill: #1c2733 } .s { fill: #5b6b7d; font-size: 12px } .grid { stroke: #c9d3df; stroke-width: 1 }
    .span { stroke: #9db2cc; stroke-width: 3 } .dot { fill: #40597a; fill-opacity: .3 } .p50 { fill: #1f7a4d }
    .p99 { stroke: #40597a; stroke-width: 2.5 } .worst { fill: none; stroke: #b03a2e; stroke-width: 1.8 } .aim { stroke: #c77d0a; stroke-width: 3 }
    .bad { fill: #b03a2e }
    @media (prefers-color-scheme: dark) { text { fill: #e6edf5 } .s { fill: #a9b8c9 } .grid { stroke: #37475a }
      .span { stroke: #5d7796 } .dot { fill: #8fb0d8 } .p50 { fill: #5fd39b } .p99 { stroke: #8fb0d8 } .worst { stroke: #ff8a7a }
      .aim { stroke: #f0b04a } .bad { fill: #ff8a7a } }"""
DECADES = (1, 10, 100, 1000, 10000, 60000)


def x_of(ms):
    """The scale is logarithmic: gaps are of ten and of thousands of milliseconds."""
    at = math.log(max(1, min(ms, DECADES[-1])), DECADES[-1])
    return round(LEFT + at * (WIDTH - LEFT - RIGHT), 1)


def limit(d, what):
    """The aim for p50, p99 or worst in milliseconds, if there is one."""
    for aim in d.get("aim", []):
        found = re.fullmatch(rf"{what} <= ([0-9.* rt+]+)", aim)
        if found:
            return eval(found[1], {}, {"rtt": d["rtt_ms"]})
    return None


def one(name, d, y, css=""):
    out = [f'<text class="{css}" x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{html.escape(name)}</text>']
    gap = d.get("gap_ms") or {}
    if gap.get("p50") is not None:
        p50, p99, worst = (x_of(gap[k]) for k in ("p50", "p99", "worst"))
        out.append(f'<path class="span" d="M{p50} {y}H{worst}"/>')
        out += [f'<circle class="dot" cx="{x_of(g)}" cy="{y}" r="3"/>' for g in movecosts.gaps(d.get("each", []))]
        out.append(f'<circle class="worst" cx="{worst}" cy="{y}" r="5"/>')
        out.append(f'<path class="p99" d="M{p99} {y - 7}V{y + 7}"/>')
        out.append(f'<circle class="p50" cx="{p50}" cy="{y}" r="5"/>')
    for what in ("p50", "p99", "worst"):
        at = limit(d, what)
        if at:
            out.append(f'<path class="aim" d="M{x_of(at)} {y - 10}V{y + 10}"><title>{what} at most {at:.0f} ms</title></path>')
            break
    each = d.get("udp_lost", 0) / max(1, d.get("repeats", 1))
    word, css = (f"{each:.3g}", "s") if d["ok"] else ("failed", "bad")
    if d.get("given_up"):  # at the last of its repeats
        out.append(f'<path class="span" d="M{x_of(100)} {y}H{x_of(DECADES[-1])}" stroke-dasharray="4 5"/>')
        word, css = "never back", "bad"
    out.append(f'<text class="{css}" x="{WIDTH - RIGHT + 14}" y="{y + 4}">{word}</text>')
    return out


def drawn(moves, others):
    """`others` are named TOOL/MOVE and stand below that move."""
    rows = []
    for name, d in moves.items():
        rows.append((name, d, ""))
        rows += [(other.split("/")[0], others[other], "s") for other in others if other.endswith("/" + name)]
    rows += [(other, d, "s") for other, d in others.items() if other.split("/")[1] not in moves]
    height = TOP + ROW * len(rows) + 20
    rtt = [d["rtt_ms"] for d in moves.values() if d.get("rtt_ms")]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d" '
           'font-family="system-ui, sans-serif" font-size="14">',
           '<title id="t">How long traffic is silent after each kind of move</title>',
           '<desc id="d">One row per kind of move: the silences of all repeats in milliseconds on a logarithmic scale, '
           'their median, 99th percentile and worst, and the aim.</desc>', f"<style>{STYLE}</style>",
           f'<text x="16" y="24">Silence after a move, ms (round trip {sum(rtt) / len(rtt) if rtt else 0:.0f} ms)</text>']
    x = 330
    for mark, word in (('<circle class="p50" cx="{x}" cy="19" r="5"/>', "p50"), ('<path class="p99" d="M{x} 12V26"/>', "p99"),
                       ('<circle class="worst" cx="{x}" cy="19" r="5"/>', "worst"),
                       ('<path class="aim" d="M{x} 10V28"/>', "aim (of p50, else p99, else worst)")):
        out.append(mark.format(x=x) + f'<text class="s" x="{x + 10}" y="24">{word}</text>')
        x += 66
    out.append(f'<text class="s" x="{WIDTH - RIGHT + 14}" y="{TOP - 22}">lost a time</text>')
    for ms in DECADES:
        out.append(f'<path class="grid" d="M{x_of(ms)} {TOP - 14}V{height - 16}"/>'
                   f'<text class="s" x="{x_of(ms)}" y="{TOP - 22}" text-anchor="middle">{ms}</text>')
    for i, row in enumerate(rows):
        out += one(row[0], row[1], TOP + i * ROW, row[2])
    return "\n".join(out + ["</svg>"]) + "\n"
