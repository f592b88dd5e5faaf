"""What axe-core, which judges pages by the rules of accessibility, has against the pages that a browser shows.

Environment: AXE, its file, which bootstrap.sh --browser fetches; without it nothing is judged. What it finds is printed at once, and
`verdict` fails at the end, when all of it is known.
"""
import os
import pathlib

AXE = os.environ.get("AXE", "")
DESK, PHONE = (1280, 900, 1), (360, 780, 2)
# Contrast hangs on the colours, what overflows on the width, names on the language, and no rule on all three at once. In these four
# looks each two of them meet.
LOOKS = {"en": [(DESK, False), (PHONE, True)], "ja": [(DESK, True), (PHONE, False)]}
BAD = ("serious", "critical")
# Without `preload`: it asks for style sheets of other sites, and ours have none. `target-size` (WCAG 2.2) has to be asked for.
ASK = """const options = {preload: false, resultTypes: ['violations'], rules: {'target-size': {enabled: true}}};
    return axe.run(document, options).then(found => found.violations.flatMap(rule => rule.nodes.map(node => [
        node.impact || rule.impact, rule.id, node.target.flat().join(' '),
        [...node.any, ...node.all, ...node.none].map(check => check.message).join('; ') || rule.help])))"""
# What axe-core leaves undecided: text in a drawing, on its box. WCAG 2.2, criterion 1.4.3 and "relative luminance".
PICTURE = """const bright = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(part => part / 255)
        .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0.05);
    return [...document.querySelectorAll('svg .spot')].filter(spot => spot.checkVisibility()).flatMap(spot => {
        const ground = bright(getComputedStyle(spot.querySelector('rect')).fill);
        return [...spot.querySelectorAll('text')].map(text => [text, bright(getComputedStyle(text).fill)])
            .map(([text, ink]) => [text, Math.max(ink, ground) / Math.min(ink, ground)]).filter(([, contrast]) => contrast < 4.5)
            .map(([text, contrast]) => ['serious', 'picture-contrast', text.textContent, `a contrast of ${contrast.toFixed(2)}, not 4.5`]);
    })"""
# Beside `main`, which a live page makes as it should be again.
PLANT = """const [button, text] = ['button', 'p'].map(name => document.body.appendChild(document.createElement(name)));
    text.textContent = 'pale';
    text.style.color = '#999';
    text.style.backgroundColor = '#aaa';
    return [button, text]"""
FIGURES = {"looks": 0, "serious": 0, "others": 0}


def look(b):
    """Judges what is shown, as it is: a form may have come back with a fault."""
    if not AXE:
        return
    for size, dark in LOOKS[language(b)]:
        b.dress(*size, dark=dark)
        judge(b, f"{b.url}, {'dark' if dark else 'light'}, {size[0]} wide")
    b.dress(1280, 900)


def pages(b, addresses):
    """Judges these pages, in both languages."""
    if not AXE:
        return
    for _ in LOOKS:
        for address in addresses:
            b.go(address)
            look(b)
        before = language(b)
        b.click("form[action='/language'] button")
        b.wait(5, "the other language", lambda: language(b) != before)


def language(b):
    return b.run("return document.documentElement.lang")


def judge(b, where):
    if not b.run("return typeof axe === 'object'"):
        b.run(pathlib.Path(AXE).read_text())
    if FIGURES["looks"] == 0:
        sees(b)
    FIGURES["looks"] += 1
    for impact, rule, what, wrong in b.run(ASK) + b.run(PICTURE):
        FIGURES["serious" if impact in BAD else "others"] += 1
        print(f"axe: {impact}: {rule}: {what}: {wrong} ({where})", flush=True)


def sees(b):
    """Faults that are put into a page are found; else it would mean nothing that none are."""
    planted = b.run(PLANT)
    found = {rule for _, rule, *_ in b.run(ASK)}
    b.run("arguments[0].forEach(it => it.remove())", planted)
    assert {"button-name", "color-contrast"} <= found, f"of what was planted axe-core finds {found}"


def verdict():
    """What is in the figures; fails if anything serious was found."""
    if not AXE:
        return None
    assert FIGURES["serious"] == 0, f"axe-core finds {FIGURES['serious']} serious faults, which are told above"
    return FIGURES
