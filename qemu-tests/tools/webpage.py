#!/usr/bin/env python3
"""webpage.py ACT... : what a person does with the gateway's page, in a real browser, one act after the other.

Environment: BASE the page's address; SHOTS a folder for pictures; CAMERA the full name of a device at the other end;
LAPTOP that of one here; MOVE a command that moves the router's traffic to another WAN, KILL one that ends the daemon.
Prints a line for each act; the last line is a JSON object of figures.
"""
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request

import apischema
import axe
from browser import Browser, Driver
from webdevices import identity_off, rename_device  # acts
from webkeys import held, keyboard, typed  # acts
from webpeers import other_key  # acts

BASE = os.environ["BASE"]
SHOTS = os.environ.get("SHOTS", "")
PASSWORD = "a few quiet words"
PAGES = ["/", "/devices", "/peers", "/moves", "/wans", "/password", "/settings", "/log"]
EVIL = 8099
FIGURES = {}


def first_run(b):
    b.go(BASE)
    assert b.url == BASE + "/welcome", b.url
    picture(b, "welcome")
    axe.pages(b, [b.url])
    for new, again in [("short", "short"), (PASSWORD, PASSWORD + "x")]:
        b.write("#new", new)
        b.write("#again", again)
        b.click("main button")
        b.wait(5, "a word of a password that will not do", lambda: b.shown("#notice"))
    axe.look(b)
    b.write("#new", PASSWORD)
    b.write("#again", PASSWORD)
    b.click("main button")
    lands(b, "/")


def log_out_and_in(b):
    b.click("form[action='/logout'] button")
    lands(b, "/login")
    for page in PAGES:
        b.go(BASE + page)
        assert b.url == BASE + "/login", f"{page} without a login: {b.url}"
    b.write("#password", "not the password")
    b.click("main button")
    b.wait(5, "a word of the wrong password", lambda: b.shown("#notice"))
    assert b.url == BASE + "/login", b.url
    picture(b, "login")
    axe.look(b)
    axe.pages(b, [b.url])
    log_in(b)
    names = b.run("return document.cookie")
    assert names == "", f"a script sees cookies: {names}"


def log_in(b):
    b.go(BASE + "/login")
    b.write("#password", PASSWORD)
    began = time.monotonic()
    b.click("main button")
    lands(b, "/")
    FIGURES["login_ms"] = round((time.monotonic() - began) * 1000)


def lands(b, path):
    b.wait(10, f"to be at {path}", lambda: b.url == BASE + path)


def home(b):
    b.go(BASE + "/")
    laptop, peer = os.environ["LAPTOP"].split(".")[0], os.environ["CAMERA"].split(".")[1]
    b.wait(5, "laptop and the other gateway in the picture", lambda: laptop in (t := b.text("svg.wide")) and peer in t)
    assert b.find("svg.wide .line.path"), "no path is drawn"
    marks = b.labels(".checks .mark")
    assert len(marks) >= 6 and "needs attention" not in marks, marks
    # Traffic that the scenario makes.
    b.wait(5, "throughput", lambda: "bit/s" in b.text(".tiles li:first-child strong"))
    assert b.find("svg.wide .line.path.flow"), "the path with traffic does not move"


def devices(b):
    b.go(BASE + "/devices")
    text = b.text("main")
    assert os.environ["LAPTOP"] in text and "198.18." in text, text


def ping(b):
    b.go(BASE + "/peers")
    b.write("#name", os.environ["CAMERA"])
    b.click("form[action='/peers'] button")
    b.wait(20, "the ping's result", lambda: os.environ["CAMERA"] in b.text("main .notice"))
    assert " ms" in b.text("main .notice"), b.text("main .notice")
    axe.look(b)
    b.wait(5, "a line of round trips", lambda: b.find("svg.spark"))


def move(b):
    b.go(BASE + "/moves")
    b.wait(5, "the page is live", lambda: b.run("return performance.getEntriesByType('resource').some(e => e.name.includes('/live?'))") or True)
    time.sleep(1)
    b.run("window.stays = true")
    before = len(b.find("main .card"))
    newest = b.text("main .card:first-child") if before else ""
    run("MOVE")
    changed = lambda: len(b.find("main .card")) > before or (newest and b.text("main .card:first-child h2") not in newest)
    FIGURES["move_on_page_ms"] = b.wait(5, "the move on the page", changed)
    assert FIGURES["move_on_page_ms"] <= 1000, FIGURES
    assert b.run("return window.stays") is True, "the page was loaded anew"
    b.wait(10, "the move is over", lambda: not b.find("main .card:first-child .badge.bad"))
    with_cookie = urllib.request.Request(BASE + "/moves.csv", headers={"Cookie": cookies(b)})
    csv = urllib.request.urlopen(with_cookie).read().decode()
    assert csv.startswith("ago_s,peer,cause") and len(csv.splitlines()) >= 2, csv


def prefer(b):
    """Back again, by the page's own button."""
    b.go(BASE + "/wans")
    b.wait(5, "two ways out", lambda: len(b.find("main .card")) == 2)
    b.click("main > form .second")
    b.wait(5, "none is preferred", lambda: not b.find("main > form"))
    b.click("ol li:last-child form .second")
    b.wait(5, "the other one is first", lambda: "preferred" in b.text("ol li:first-child h2"))
    b.click("main > form .second")
    b.wait(5, "none is preferred", lambda: not b.find("main > form"))


def judged(b):
    """All that is in the menu and below it, where devices, peers, moves and ways out are to be seen."""
    b.go(BASE + "/devices")
    device = b.run("return document.querySelector('main a[href^=\"/device?\"]').href")
    axe.pages(b, [BASE + page for page in PAGES] + [device])


def language(b):
    b.go(BASE + "/devices")
    b.click("form[action='/language'] button")
    b.wait(5, "the page in Japanese", lambda: b.text("h1") == "端末")
    assert b.url == BASE + "/devices" and b.run("return document.documentElement.lang") == "ja"
    b.click("form[action='/language'] button")
    b.wait(5, "the page in English", lambda: b.text("h1") == "Devices")


def described(b):
    """The API answers as its description says, whatever it is asked."""
    FIGURES["api_answers"] = apischema.judge(BASE, cookies(b), fingerprint="/api/v1/settings")


def phone(b):
    b.dress(360, 780, 2)
    for page in PAGES:
        b.go(BASE + page)
        wide = b.run("return document.documentElement.scrollWidth")
        assert wide <= 360, f"{page} is {wide} wide on a phone of 360"
        check_names(b, page)
    b.dress(1280, 900)


def check_names(b, page):
    unnamed = b.run("""return [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea')].filter(
        e => !(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length))).length""")
    assert unnamed == 0, f"{unnamed} controls without a name on {page}"


def hostile(b):
    """Names with markup: nothing of it runs, and nothing is loaded from elsewhere."""
    b.words()
    for page in PAGES:
        b.go(BASE + page)
        odd = b.run("""return [...document.querySelectorAll('script')].filter(s => s.getAttribute('src') !== '/live.js').length
            + document.querySelectorAll('img, iframe, object, embed, [onerror], [onload], [style]').length
            + performance.getEntriesByType('resource').filter(e => !e.name.startsWith(location.origin)).length""")
        assert odd == 0, f"{odd} things on {page} that are not ours"
    assert not (said := b.words()), said[:2]


def foreign(b):
    """A page of another origin tries to change something, with the owner's browser."""
    page = f"""<form id=f method=post action={BASE}/wans><input name=wan value=wan1><input name=token value=x></form>
    <script>fetch('{BASE}/api/v1/wan', {{method: 'POST', mode: 'no-cors', credentials: 'include', headers: {{'Content-Type': 'text/plain'}},
    body: '{{"prefer":"wan1"}}'}}).finally(() => fetch('{BASE}/api/v1/devices', {{credentials: 'include'}})
    .then(r => r.text()).then(t => document.title = 'read ' + t, e => document.title = 'unread').then(() => setTimeout(() => f.submit(), 500)))</script>"""

    class Evil(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", EVIL), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    b.go(f"http://localhost:{EVIL}/")
    b.wait(5, "the other page has read nothing", lambda: b.run("return document.title") == "unread" or b.url.startswith(BASE))
    b.wait(10, "its form is sent", lambda: b.url.startswith(BASE))
    assert b.text("body") == "Another site may not ask this.", b.text("body")
    server.shutdown()
    b.words()
    b.go(BASE + "/wans")
    assert "preferred" not in b.text("main"), "another site has changed the order of the WANs"


def rebinding(_):
    """A name that somebody else points at us."""
    port = BASE.rsplit(":", 1)[1]
    b = Browser(f"--host-resolver-rules=MAP evil.test {BASE.split('/')[2].split(':')[0]}")
    b.go(f"http://evil.test:{port}/login")
    assert b.text("body") == "This is not the server of that name.", b.text("body")
    b.end()


def scriptless(_):
    """All of it to read, and the forms, without JavaScript."""
    b = Browser(scripts=False)
    b.go(BASE)
    b.write("#password", PASSWORD)
    b.click("main button")
    lands(b, "/")
    for page in PAGES:
        b.go(BASE + page)
        assert b.find("h1") and (b.find("nav a[aria-current]") or page in ("/password", "/log")), page
    b.go(BASE + "/peers")
    b.write("#name", os.environ["CAMERA"])
    b.click("form[action='/peers'] button")
    b.wait(20, "the ping's result", lambda: os.environ["CAMERA"] in b.text("main .notice"))
    b.end()


def killed(b):
    """The daemon dies under the open page; the page says so, and comes back with it."""
    b.go(BASE + "/")
    time.sleep(1)
    run("KILL")
    FIGURES["loss_shown_ms"] = b.wait(5, "the page says that it is cut off", lambda: b.shown("#lost"))
    axe.look(b)
    FIGURES["back_ms"] = b.wait(30, "the page comes back", lambda: b.url == BASE + "/login")
    b.words()
    log_in(b)


def shots(b):
    """Every page on a phone and a desk, light and dark."""
    for page in PAGES[:5]:
        b.go(BASE + page)
        time.sleep(2.2)
        picture(b, page.strip("/") or "home")
    laptop = os.environ["LAPTOP"].split(".")[0]
    b.go(BASE + "/devices")
    b.run("[...document.querySelectorAll('.cards li')].find(it => it.innerText.includes(arguments[0])).querySelector('a').click()", laptop)
    b.wait(5, "a device's page", lambda: "/device?" in b.url)
    picture(b, "device")
    b.go(BASE + "/")
    b.click("form[action='/language'] button")
    time.sleep(2.2)
    picture(b, "home-ja")
    b.click("form[action='/language'] button")


def picture(b, name):
    if not SHOTS:
        return
    for screen, size in {"desktop": (1280, 860, 1), "phone": (360, 740, 2)}.items():
        for dark in (False, True):
            b.dress(*size, dark=dark)
            time.sleep(0.3)
            b.shot(f"{SHOTS}/{name}-{screen}-{'dark' if dark else 'light'}.png")
    b.dress(1280, 900)


def cookies(b):
    return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in b.get("cookie"))


def run(name):
    subprocess.run(["bash", "-c", os.environ[name]], check=True, stdout=subprocess.DEVNULL)


def weight():
    """The first load, as it goes over the wire."""
    total = 0
    for path in ("/login", "/style.css", "/live.js", "/icon.svg"):
        request = urllib.request.Request(BASE + path, headers={"Accept-Encoding": "gzip"})
        total += len(urllib.request.urlopen(request).read())
    return total


def home_load(b):
    """Home itself: its bytes, and the best of ten times."""
    times = []
    for _ in range(10):
        request = urllib.request.Request(BASE + "/", headers={"Cookie": cookies(b)})
        began = time.monotonic()
        page = urllib.request.urlopen(request).read()
        times.append((time.monotonic() - began) * 1000)
    assert min(times) < 100 and len(page) < 60_000, (times, len(page))
    return len(page), round(min(times), 1)


def act_of(name):
    import webset  # which needs this module

    return globals().get(name) or getattr(webset, name)


def main():
    driver = Driver(os.environ.get("DRIVER_LOG", "/dev/null"))
    b = Browser()
    try:
        b.dress(1280, 900)
        for act in sys.argv[1:]:
            began = time.monotonic()
            act_of(act)(b)
            print(f"{act}: {time.monotonic() - began:.1f} s", flush=True)
        FIGURES["axe"] = axe.verdict()
        FIGURES["first_load_bytes"] = weight()
        FIGURES["home_bytes"], FIGURES["home_ms"] = home_load(b)
    except BaseException:
        if SHOTS:
            b.shot(f"{SHOTS}/failed.png")
        raise
    finally:
        b.end()
        driver.end()
    print(json.dumps(FIGURES))


if __name__ == "__main__":
    main()
