"""A headless Chromium, driven by ChromeDriver's W3C WebDriver protocol, with nothing but Python's own library."""
import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

PORT = 9515
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that WebDriver gives elements by
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--mute-audio",
    "--no-default-browser-check", "--password-store=basic", "--disable-dev-shm-usage", "--hide-scrollbars",
]


class Driver:
    """ChromeDriver, as long as this lives."""

    def __init__(self, log):
        self.process = subprocess.Popen(["chromedriver", f"--port={PORT}"], stdout=open(log, "wb"), stderr=subprocess.STDOUT)
        for _ in range(100):
            try:
                if ask("GET", "/status")["ready"]:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("chromedriver does not start")

    def end(self):
        self.process.terminate()
        self.process.wait()


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        value = json.load(error)["value"]
        raise RuntimeError(f"{method} {path}: {value['error']}: {value['message'].splitlines()[0]}") from None


def again(method):
    """What a live page has just replaced is looked for once more."""

    def tried(*words):
        for _ in range(20):
            try:
                return method(*words)
            except RuntimeError as error:
                if "stale element" not in str(error):
                    raise
        return method(*words)

    return tried


class Browser:
    """One browser with a profile of its own."""

    def __init__(self, *flags, language="en", scripts=True):
        self.profile = tempfile.mkdtemp(prefix="ntm-browser-")
        options = {
            "args": [*FLAGS, f"--user-data-dir={self.profile}", f"--accept-lang={language}", *flags],
            "prefs": {"intl.accept_languages": language},
        }
        if not scripts:
            options["prefs"]["profile.managed_default_content_settings.javascript"] = 2
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.path = f"/session/{ask('POST', '/session', {'capabilities': {'alwaysMatch': wanted}})['sessionId']}"

    def end(self):
        ask("DELETE", self.path)
        shutil.rmtree(self.profile, ignore_errors=True)

    def do(self, what, body=None):
        return ask("POST", f"{self.path}/{what}", {} if body is None else body)

    def get(self, what):
        return ask("GET", f"{self.path}/{what}")

    def go(self, url):
        self.do("url", {"url": url})

    @property
    def url(self):
        return self.get("url")

    def run(self, script, *args):
        return self.do("execute/sync", {"script": script, "args": list(args)})

    def find(self, css):
        return [element[ELEMENT] for element in self.do("elements", {"using": "css selector", "value": css})]

    def one(self, css):
        found = self.find(css)
        assert len(found) == 1, f"{len(found)} of {css} on {self.url}"
        return found[0]

    @again
    def click(self, css):
        self.do(f"element/{self.one(css)}/click")

    @again
    def write(self, css, text):
        self.do(f"element/{self.one(css)}/value", {"text": text})

    @again
    def text(self, css):
        return "\n".join(self.get(f"element/{element}/text") for element in self.find(css))

    @again
    def labels(self, css):
        """What a screen reader calls them."""
        return [self.get(f"element/{element}/computedlabel") for element in self.find(css)]

    @again
    def shown(self, css):
        found = self.find(css)
        return bool(found) and all(self.get(f"element/{element}/displayed") for element in found)

    def wait(self, seconds, what, condition):
        """Until the condition holds; how many milliseconds that took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, f"waited in vain: {what}; on {self.url}: {self.text('body')[:400]}"
            time.sleep(0.02)
        return round((time.monotonic() - began) * 1000)

    def words(self):
        """What the browser complains of since the last time: errors of scripts, what the page's own policy forbade."""
        return [entry["message"] for entry in self.do("se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def cdp(self, command, **params):
        return self.do("goog/cdp/execute", {"cmd": command, "params": params})

    def dress(self, width, height, scale=1, dark=False):
        """A screen of this size, in dark or light."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 600)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.cdp("Emulation.setEmulatedMedia", features=features)

    def shot(self, path):
        """The whole page as a PNG."""
        got = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(got["data"]))
