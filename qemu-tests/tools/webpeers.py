"""What a person does on the gateway's page about the gateways it talks to: acts for webpage.py."""
import os

BASE = os.environ["BASE"]


def other_key(b):
    """A gateway that was installed anew: it is said that its key is another one, until its owner knows why."""
    b.go(BASE + "/peers")
    b.wait(20, "a word of the other key", lambda: "another key" in b.text("main .notice.bad"))
    keys = b.run("return [...document.querySelectorAll('main .notice.bad dd')].map(it => it.textContent)")
    assert len(keys) == 2 and all(keys) and keys[0] != keys[1], keys
    b.click("form[action='/peers/accept'] button")
    b.wait(10, "the end of that", lambda: b.find("main .card") and not b.find("main .notice.bad"))
