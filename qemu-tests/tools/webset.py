"""What a person does with the page's settings, log and first run, in a real browser. Acts of webpage.py.

Environment besides: STATE the gateway's directory; CODE an enrolment code, for the first run.
"""
import json
import os
import pathlib
import subprocess
import tempfile
import urllib.request

import axe
import webpage

FIELD = "[id='tunnel.mtu']"


def settings(b):
    """A wrong value stays in its field with the reader's words, and nothing is written."""
    before = written()
    b.go(webpage.BASE + "/settings")
    b.write(FIELD, "12")
    b.click(f"form:has({FIELD}) > button")
    b.wait(10, "the reader's words", lambda: b.shown(".wrong"))
    assert "from 1280 to 9000" in b.text(".wrong"), b.text(".wrong")
    assert b.run("return document.getElementById('tunnel.mtu').value") == "12"
    assert written() == before, "a wrong value is in the file"
    webpage.picture(b, "settings-wrong")
    axe.look(b)


def policy(b):
    """A rule made on the page takes effect at once, and so does its end."""
    b.wait(10, "laptop reaches camera", talks)
    b.go(webpage.BASE + "/settings")
    b.write("#from", "laptop")
    b.write("#to", os.environ["CAMERA"])
    b.click("form:has(#action) > button")
    b.wait(10, "a word that it is in force", lambda: "in force already" in b.text("main .notice"))
    assert 'action = "deny"' in written(), written()
    axe.look(b)
    b.wait(10, "laptop is refused", lambda: not talks())
    b.click("#policies li button[value=remove]")
    b.wait(10, "a word that it is in force", lambda: "in force already" in b.text("main .notice") and not b.find("#policies li"))
    b.wait(10, "laptop is let through", talks)
    assert '"deny"' not in written().split("[web]")[-1].replace("# ", ""), written()


def stale(b):
    """Who decides by an old form is shown the new one."""
    b.go(webpage.BASE + "/settings")
    file = pathlib.Path(os.environ["STATE"], "ntm-gateway.toml")
    file.write_text(file.read_text() + "# somebody else was here\n")
    b.write("#to", "nas")
    b.click("form:has(#action) > button")
    b.wait(10, "a word that the file is another one", lambda: "has changed since" in b.text("#notice"))
    assert '"nas"' not in written(), written()
    axe.look(b)


def files(b):
    """Export and import, the diagnostics, and the log."""
    text = fetch(b, "/settings/export")
    assert text == written(), "the export is not the file"
    b.go(webpage.BASE + "/settings")
    b.click("summary")
    for new, button, word in [
        (text + "\n[lan\n", "button[name=try]", "Nothing has changed"),
        (text, "button[name=try]", "This file would do"),
    ]:
        fill(b, new)
        b.click(f"form[action='/settings/import'] {button}")
        b.wait(10, word, lambda: word in b.text("main .notice"))
        axe.look(b)
        if not b.shown("#text"):
            b.click("summary")
    assert written() == text, "a check has changed the file"
    found = json.loads(fetch(b, "/diagnostics.json"))
    assert found["gateway"]["status"]["name"] and "[lan]" in found["configuration"], found.keys()
    for name in ("node.key", "web.password"):
        for secret in pathlib.Path(os.environ["STATE"], name).read_text().split():
            assert len(secret) < 16 or secret not in json.dumps(found), f"{name} is in the diagnostics"
    b.go(webpage.BASE + "/log?text=runs+with+the+virtual")
    assert b.find(".log li"), "the log does not have the start"


def anew(b):
    """What cannot be taken up as it runs is, by a new start; who is here logs in again."""
    text = written().replace('level = "info"', 'level = "debug"')
    b.go(webpage.BASE + "/settings")
    b.click("summary")
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        b.write("#file", file.name)
        b.wait(10, "the file's text in its field", lambda: b.run("return document.getElementById('text').value") == text)
    b.click("form[action='/settings/import'] button:not([name])")
    b.wait(10, "a word of the new start", lambda: "starts anew" in b.text("main .notice"))
    session = webpage.cookies(b)
    b.wait(30, "it is back, and knows nobody", lambda: is_back(session))
    webpage.log_in(b)
    b.go(webpage.BASE + "/settings")
    assert b.run("return document.getElementById('log.level').value") == "debug"
    b.wait(20, "laptop reaches camera again", talks)


def is_back(session):
    request = urllib.request.Request(webpage.BASE + "/api/v1/session", headers={"Cookie": session})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return not json.load(answer)["owner"]
    except OSError:
        return False


def join(b):
    """From a router that belongs to nobody to one whose devices talk."""
    b.wait(10, "the form", lambda: b.find("#code"))
    webpage.picture(b, "first")
    axe.pages(b, [b.url])
    b.write("#code", "ntm1-WRONG")
    b.click("form[action='/setup'] button")
    b.wait(10, "a word of the wrong code", lambda: b.shown("#notice"))
    axe.look(b)
    b.run("document.getElementById('code').value = arguments[0]", os.environ["CODE"])
    b.run("document.getElementById('masquerade').value = 'true'")
    b.click("form[action='/setup'] button")
    b.wait(60, "Home, with all well", lambda: b.find(".checks") and "registered" in b.text(".checks"))
    webpage.picture(b, "first-home")
    b.wait(30, "the first device", lambda: "laptop" in b.text("main"))
    # The one time that it has no moves, no peers and one way out.
    axe.pages(b, [webpage.BASE + page for page in webpage.PAGES[:5]])


def set_shots(b):
    for page in ("settings", "log"):
        b.go(webpage.BASE + "/" + page)
        webpage.picture(b, page)


def fill(b, text):
    b.run("document.getElementById('text').value = arguments[0]", text)


def talks():
    ping = ["ping", "-qc", "1", "-W", "1", os.environ["CAMERA"]]
    return subprocess.run(ping, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def written():
    return pathlib.Path(os.environ["STATE"], "ntm-gateway.toml").read_text()


def fetch(b, path):
    request = urllib.request.Request(webpage.BASE + path, headers={"Cookie": webpage.cookies(b)})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()
