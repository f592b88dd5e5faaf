#!/usr/bin/env python3
"""operatorpage.py ACT... : what an operator does with the coordinator's pages, in a real browser, one act after the other.

Environment: BASE the pages' address; SHOTS a folder for pictures; PASSWORD their password; ENROL and START commands that
enrol the car's gateway with the code in $CODE and start it; FORGED one that tries to enrol with the code in $CODE; NODES
one that prints the names of all gateways; COPY where a downloaded backup is put. Prints a line for each act; the last line
is a JSON object of figures.
"""
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import apischema
import axe
from browser import Browser, Driver

BASE = os.environ["BASE"]
SHOTS = os.environ.get("SHOTS", "")
PASSWORD = os.environ["PASSWORD"]
PAGES = ["/", "/gateways", "/devices", "/relays", "/codes", "/accounts", "/domains", "/events", "/backup", "/password"]
ATTACKS = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' OR 1=1 --", "\u202ex", "%", "x" * 900]
EVIL = 8098
FIGURES = {}


def closed(b):
    """Without a password nobody is let in, and nobody who comes can set one."""
    for page in ["/", "/codes", "/welcome"]:
        b.go(BASE + page)
        assert page == "/welcome" or b.url == BASE + "/login", b.url
    b.go(BASE + "/login")
    assert "ntm-dc password" in b.text("main"), b.text("main")
    b.write("#password", "anything at all")
    b.click("main button")
    b.wait(5, "a word of the wrong password", lambda: b.shown("#notice"))
    axe.look(b)
    axe.pages(b, [BASE + "/login"])


def log_in(b):
    b.go(BASE + "/login")
    b.write("#password", PASSWORD)
    b.click("main button")
    b.wait(10, "to be in", lambda: b.url == BASE + "/")
    assert b.run("return document.cookie") == "", "a script sees cookies"


def account(b):
    b.go(BASE + "/accounts")
    b.write("form[action='/accounts'] input[name=name]", "family")
    b.click("form[action='/accounts'] button")
    b.wait(5, "the account", lambda: "family" in b.text("table"))
    assert "Made the account family." in b.text(".notice"), b.text("main")
    b.write("form[action='/accounts'] input[name=name]", "no name at all")
    b.click("form[action='/accounts'] button")
    b.wait(5, "a reason", lambda: "letters, digits" in b.text(".notice"))
    axe.look(b)


def code(b, name=os.environ.get("NEW_GATEWAY", "car")):
    b.go(BASE + "/codes")
    b.write("form[action='/codes'] input[name=name]", name)
    b.write("form[action='/codes'] input[name=account]", "family")
    b.click("form[action='/codes'] button")
    b.wait(5, "the code", lambda: b.find("#code"))
    picture(b, f"code-{name}")
    axe.look(b)
    made = b.text("#code")
    assert made.lower().startswith("ntm1-"), made
    assert len(b.run("return document.querySelector('.qr path').getAttribute('d')")) > 2000, "no picture"
    b.go(BASE + "/codes")
    assert made not in b.run("return document.documentElement.outerHTML"), "the code is shown again"
    assert name in b.text("table")
    return made


def enrol(b):
    """A code made here lets a gateway in; it appears while one looks on."""
    made = code(b)
    run("ENROL", CODE=made)
    b.go(BASE + "/gateways")
    b.run("window.stays = true")
    assert b.text("tbody .badge") == "offline", b.text("main")
    run("START")
    FIGURES["online_on_page_ms"] = b.wait(15, "the gateway is there", lambda: b.text("tbody .badge") == "online")
    assert b.run("return window.stays") is True, "the page was loaded anew"


def devices(b):
    b.go(BASE + "/devices")
    b.wait(20, "two devices that are there", lambda: b.text("tbody .badge").split() == ["online", "online"])
    assert "laptop.car" in b.text("tbody") and "198.18." in b.text("tbody"), b.text("tbody")


def search(b):
    for page, words, there in [("/devices", "laptop", True), ("/devices", "nobody", False), ("/gateways", "ca", True),
                               ("/gateways", "198.51.100", False), ("/events", "enrolled", True)]:
        b.go(BASE + page)
        b.write("input[type=search]", words)
        b.click("form.search button")
        b.wait(5, f"{words} on {page}", lambda: "q=" in b.url and bool(b.find("tbody tr")) == there)
    axe.look(b)


def overview(b):
    b.go(BASE + "/")
    b.wait(10, "gateway and relay in the picture", lambda: "family" in (t := b.text("svg.wide")) and "rs1" in t)
    b.wait(10, "registrations in the chart", lambda: b.find(".chart rect.registered") and b.find(".chart rect.enrolled"))
    assert b.text(".tiles li:first-child strong") == "1", b.text(".tiles")


def group(b):
    b.go(BASE + "/accounts")
    b.write("form[action='/groups/join'] input[name=group]", "friends")
    b.write("form[action='/groups/join'] input[name=member]", "family")
    b.click("form[action='/groups/join'] button")
    b.wait(5, "the group", lambda: "friends" in b.text(".cards"))
    axe.look(b)
    b.click("form[action='/groups/leave'] button")
    b.wait(5, "no group", lambda: not b.find(".cards li"))


def domain(b):
    b.go(BASE + "/domains")
    key = b.text("main section code")
    b.write("form[action='/domains'] input[name=domain]", "b.test")
    b.write("form[action='/domains'] input[name=key]", key.split()[0])
    b.click("form[action='/domains'] button")
    b.wait(5, "a reason: it is our own", lambda: "own key" in b.text(".notice"))
    other = os.environ["OTHER_KEY"]
    b.write("form[action='/domains'] input[name=domain]", "b.test")
    b.write("form[action='/domains'] input[name=key]", other)
    b.write("form[action='/domains'] input[name=address]", "203.0.113.99")
    b.click("form[action='/domains'] button")
    b.wait(5, "the domain", lambda: "b.test" in b.text("tbody"))
    picture(b, "domains")
    axe.look(b)
    b.write("form[action='/domains/forget'] input[name=sure]", "b.test")
    b.click("form[action='/domains/forget'] button")
    b.wait(5, "no domain", lambda: not b.find("tbody"))


def revoke(b):
    made = code(b, "spare")
    b.go(BASE + "/codes")
    b.click("form[action='/codes/revoke'] button")
    b.wait(5, "it is worthless", lambda: "spare" not in b.text("tbody"))
    tried = subprocess.run(["bash", "-c", os.environ["FORGED"]], env={**os.environ, "CODE": made}, capture_output=True, text=True)
    assert tried.returncode != 0, "a revoked code lets somebody in"
    b.go(BASE + "/events?of=refused")
    b.wait(10, "the refusal in the journal", lambda: "not known" in b.text("tbody") or "enrolment refused" in b.text("tbody"))


def backup(b):
    b.go(BASE + "/backup")
    assert "dc.key" in b.text("main")
    token = b.run("return document.querySelector('form[action=\"/backup\"] input[name=token]').value")
    body = urllib.parse.urlencode({"token": token}).encode()
    request = urllib.request.Request(BASE + "/backup", body, {"Cookie": cookies(b), "Origin": BASE})
    began = time.monotonic()
    with urllib.request.urlopen(request) as answer:
        content = answer.read()
        assert len(content) == int(answer.headers["Content-Length"])
        assert "ntm.test.ntm-dc.db" in answer.headers["Content-Disposition"]
    FIGURES["backup_ms"] = round((time.monotonic() - began) * 1000)
    assert content.startswith(b"SQLite format 3\0"), content[:40]
    with open(os.environ["COPY"], "wb") as file:
        file.write(content)


def remove(b):
    b.go(BASE + "/gateways")
    b.click("tbody td:first-child a")
    b.wait(5, "its own page", lambda: "/gateway?of=car" in b.url and "laptop.car" in b.text("main"))
    picture(b, "gateway")
    b.write("input[name=sure]", "cat")
    b.click("button.risky")
    b.wait(5, "a word that nothing has changed", lambda: "Nothing has changed" in b.text(".notice"))
    axe.look(b)
    assert "car" in nodes()
    b.go(BASE + "/gateway?of=car")
    b.write("input[name=sure]", "car")
    b.click("button.risky")
    b.wait(5, "it is gone", lambda: "Removed car." in b.text(".notice"))
    assert "car" not in nodes(), nodes()


def nodes():
    return subprocess.run(["bash", "-c", os.environ["NODES"]], check=True, capture_output=True, text=True).stdout


def attacks(b):
    """Strings that would be code, in every field that takes one: they stay text, and find nothing."""
    b.words()
    for page in ["/gateways", "/devices", "/events", "/gateway"]:
        for attack in ATTACKS:
            for fields in [["q", "of", "after"], ["before"]]:
                b.go(f"{BASE}{page}?{urllib.parse.urlencode(dict.fromkeys(fields, attack))}")
                odd = b.run("""return [...document.querySelectorAll('script')].filter(s => s.getAttribute('src') !== '/live.js').length
                    + document.querySelectorAll('img, iframe, object, embed, [onerror], [onload], [style]').length""")
                assert odd == 0 and b.find("h1"), f"{page} {fields} {attack[:40]}"
    for attack in ATTACKS[:3] + ["--dir=/tmp", "-h", "--", "--version"]:
        b.go(BASE + "/accounts")
        b.write("form[action='/accounts'] input[name=name]", attack)
        b.click("form[action='/accounts'] button")
        b.wait(5, f"a word against {attack}", lambda: b.shown(".notice"))
        assert "Made" not in b.text(".notice"), b.text(".notice")
    assert not (said := b.words()), said[:2]


def foreign(b):
    """A page of another origin tries to make an account, with the operator's browser."""
    page = f"""<form id=f method=post action={BASE}/accounts><input name=name value=mallory><input name=token value=x></form>
    <script>fetch('{BASE}/api/v1/accounts', {{method: 'POST', mode: 'no-cors', credentials: 'include', headers: {{'Content-Type': 'text/plain'}},
    body: '{{"name":"mallory"}}'}}).finally(() => fetch('{BASE}/api/v1/gateways', {{credentials: 'include'}})
    .then(r => r.text()).then(t => document.title = 'read ' + t, e => document.title = 'unread').then(() => setTimeout(() => f.submit(), 300)))</script>"""

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
    b.wait(10, "its form is sent", lambda: b.url.startswith(BASE))
    assert b.text("body") == "Another site may not ask this.", b.text("body")
    server.shutdown()
    b.words()
    b.go(BASE + "/accounts")
    assert "mallory" not in b.text("main"), "another site has made an account"


def rebinding(_):
    """A name that somebody else points at us."""
    b = Browser("--host-resolver-rules=MAP evil.test 127.0.0.1")
    b.go("http://evil.test:4753/login")
    assert b.text("body") == "This is not the server of that name.", b.text("body")
    b.end()


def judged(b):
    """All that is in the menu, and a gateway of its own."""
    axe.pages(b, [BASE + page for page in PAGES + ["/gateway?of=car"]])


def language(b):
    b.go(BASE + "/devices")
    b.click("form[action='/language'] button")
    b.wait(5, "the page in Japanese", lambda: b.text("h1") == "端末")
    b.click("form[action='/language'] button")
    b.wait(5, "the page in English", lambda: b.text("h1") == "Devices")


def phone(b):
    b.dress(360, 780, 2)
    for page in PAGES + ["/gateway?of=car"]:
        b.go(BASE + page)
        wide = b.run("return document.documentElement.scrollWidth")
        assert wide <= 360, f"{page} is {wide} wide on a phone of 360"
        unnamed = b.run("""return [...document.querySelectorAll('a, button, input:not([type=hidden])')].filter(e => !(e.textContent.trim()
            || e.getAttribute('aria-label') || e.closest('label') || (e.id && document.querySelector(`label[for=${e.id}]`)))).length""")
        assert unnamed == 0, f"{unnamed} controls without a name on {page}"
    b.dress(1280, 900)


def scriptless(_):
    b = Browser(scripts=False)
    b.go(BASE + "/login")
    b.write("#password", PASSWORD)
    b.click("main button")
    b.wait(10, "to be in", lambda: b.url == BASE + "/")
    for page in PAGES:
        b.go(BASE + page)
        assert b.find("h1") and b.find("nav a[aria-current]"), page
    b.go(BASE + "/accounts")
    b.write("form[action='/accounts'] input[name=name]", "plain")
    b.click("form[action='/accounts'] button")
    b.wait(5, "the account", lambda: "plain" in b.text("table"))
    b.end()


def api(b):
    """Every page's content for programs, with the same session."""
    for path in ["overview", "gateways", "gateway?of=car", "devices", "relays", "codes", "accounts", "domains", "events"]:
        request = urllib.request.Request(f"{BASE}/api/v1/{path}", headers={"Cookie": cookies(b)})
        json.load(urllib.request.urlopen(request))
        try:
            urllib.request.urlopen(f"{BASE}/api/v1/{path}")
            raise AssertionError(f"{path} is shown to anybody")
        except urllib.error.HTTPError as error:
            assert error.code == 401, f"{path}: {error.code}"
    FIGURES["api_answers"] = apischema.judge(BASE, cookies(b), {"/api/v1/gateway": {"of": "car"}})


def shots(b):
    """Every page on a phone and a desk, light and dark."""
    for page in PAGES[:-1]:
        b.go(BASE + page)
        time.sleep(1.2)
        picture(b, page.strip("/") or "overview")
    b.go(BASE + "/gateways")
    if b.find("tbody td:first-child a"):
        b.go(b.run("return document.querySelector('tbody td:first-child a').href"))
        picture(b, "gateway")
    b.go(BASE + "/")
    b.click("form[action='/language'] button")
    time.sleep(1.2)
    picture(b, "overview-ja")
    b.click("form[action='/language'] button")


def picture(b, name):
    if not SHOTS:
        return
    for screen, size in {"desktop": (1280, 860, 1), "phone": (360, 740, 2)}.items():
        for dark in (False, True):
            b.dress(*size, dark=dark)
            time.sleep(0.2)
            b.shot(f"{SHOTS}/dc-{name}-{screen}-{'dark' if dark else 'light'}.png")
    b.dress(1280, 900)


def cookies(b):
    return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in b.get("cookie"))


def run(name, **more):
    env = {**os.environ, **more}
    subprocess.run(["bash", "-c", os.environ[name]], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)


def main():
    driver = Driver(os.environ.get("DRIVER_LOG", "/dev/null"))
    b = Browser()
    try:
        b.dress(1280, 900)
        for act in sys.argv[1:]:
            began = time.monotonic()
            globals()[act](b)
            print(f"{act}: {time.monotonic() - began:.1f} s", flush=True)
        FIGURES["axe"] = axe.verdict()
    except BaseException:
        if SHOTS:
            b.shot(f"{SHOTS}/failed.png")
        raise
    finally:
        b.end()
        driver.end()
    print(json.dumps(FIGURES))


main()
