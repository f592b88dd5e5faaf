"""What a person does with the gateway's page by the keyboard alone: acts for webpage.py.

Environment, besides: RENAME a command that calls the device $FROM by the name $TO.
"""
import json
import os
import subprocess
import urllib.request

BASE = os.environ["BASE"]
TAB, ENTER = "\ue004", "\ue007"
MOST = 300  # stops on one page
# All that there is to stop at, and the stop itself: which of them it is, and whether one sees that.
ALL = """return [...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
    .filter(it => !it.disabled && it.checkVisibility())"""
HERE = f"const all = (() => {{ {ALL} }})();" + """
    const it = document.activeElement, style = getComputedStyle(it), box = it.getBoundingClientRect();
    const isIn = box.width > 0 && box.height > 0 && box.left >= 0 && box.right <= innerWidth && box.top < innerHeight && box.bottom > 0;
    return [all.indexOf(it), all.length, isIn && it.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        it.outerHTML.slice(0, 120)]"""


def keyboard(b):
    """From the top to the content at once, or through all there is, one after the other; where one is, is to be seen."""
    b.go(BASE + "/devices")
    press(b, TAB)
    assert focus(b, "it.className") == "skip", "the first stop is not the way to the content"
    press(b, ENTER)
    assert b.run("return location.hash") == "#main"
    press(b, TAB)
    assert focus(b, "!!it.closest('main')"), "the way to the content leads elsewhere"
    for page in ("/", "/devices", "/peers", "/moves", "/wans", "/settings", "/log"):
        b.go(BASE + page)
        walk(b, page)
    b.go(BASE + "/")
    tab_to(b, "it.matches('nav a[href=\"/wans\"]')")
    press(b, ENTER)
    b.wait(5, "the menu leads there", lambda: b.url == BASE + "/wans")


def walk(b, page):
    for stop in range(MOST):
        press(b, TAB)
        at, count, is_seen, what = b.run(HERE)
        assert at == stop and is_seen, f"stop {stop} of {page} is {at} of {count}, {'' if is_seen else 'not '}to be seen: {what}"
        if at == count - 1:
            return
    raise AssertionError(f"no end of {page}")


def held(b):
    """The page changes under somebody who is on his way through it: he stays where he is, also where that has moved."""
    b.go(BASE + "/devices")
    laptop = os.environ["LAPTOP"].split(".")[0]
    tab_to(b, f"it.matches('main a') && it.closest('li').innerText.includes('{laptop}')")
    path = focus(b, "it.pathname + it.search")
    first = "return document.querySelector('main li a').pathname + document.querySelector('main li a').search"
    assert b.run(first) != path, "no other device stands before the laptop"
    run("RENAME", FROM=laptop, TO="a-" + laptop)
    b.wait(10, "it is the first in the list", lambda: b.run(first) == path)
    assert focus(b, "it.pathname + it.search") == path, f"the focus is on {focus(b, 'it.outerHTML')}"
    assert focus(b, "it.matches(':focus-visible')"), "nobody sees where it is"
    run("RENAME", FROM="a-" + laptop, TO=laptop)
    b.wait(10, "it is where it was", lambda: b.run(first) != path)
    assert focus(b, "it.pathname + it.search") == path, f"the focus is on {focus(b, 'it.outerHTML')}"
    preferred(b)


def preferred(b):
    """Somebody else puts one way out first while one is on the button of the other; by it all is as before."""
    b.go(BASE + "/wans")
    tab_to(b, "it.matches('main li:first-child button')")
    label = focus(b, "it.getAttribute('aria-label')")
    run("MOVE")
    b.wait(5, "the other one is first", lambda: "preferred" in b.text("ol li:first-child h2"))
    assert focus(b, "it.getAttribute('aria-label')") == label, f"the focus is on {focus(b, 'it.outerHTML')}"
    tab_to(b, "it.matches('main > form button')")
    press(b, ENTER)
    b.wait(5, "none is preferred", lambda: not b.find("main > form"))


def typed(b):
    """The first tunnel appears while somebody writes; what is written stays, and so does the place to go on."""
    b.go(BASE + "/peers")
    assert b.find("main > .empty"), "there is a tunnel already"
    b.write("#name", "half a na")
    ask(b, "ping", name=os.environ["CAMERA"])
    b.wait(10, "the tunnel on the page", lambda: b.find("main .card h2 .badge") and not b.find("main > .empty"))
    assert focus(b, "it.id") == "name", f"the focus is on {focus(b, 'it.outerHTML')}"
    assert focus(b, "it.value") == "half a na", focus(b, "it.value")


def ask(b, what, **words):
    """By another program with the same session."""
    headers = {"Cookie": "; ".join(f"{it['name']}={it['value']}" for it in b.get("cookie")), "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(BASE + "/api/v1/session", headers=headers)) as answer:
        headers["X-NTM-Token"] = json.load(answer)["token"]
    with urllib.request.urlopen(urllib.request.Request(f"{BASE}/api/v1/{what}", json.dumps(words).encode(), headers)) as answer:
        return json.load(answer)


def tab_to(b, condition):
    for _ in range(MOST):
        press(b, TAB)
        if focus(b, condition):
            return
    raise AssertionError(f"no way by the keyboard to {condition} on {b.url}")


def focus(b, expression):
    """Of what has the focus, as `it`."""
    return b.run(f"const it = document.activeElement; return {expression}")


def press(b, key):
    actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
    b.do("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})


def run(name, **words):
    subprocess.run(["bash", "-c", os.environ[name]], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **words})
