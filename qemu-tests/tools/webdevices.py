"""What a person does with devices on the gateway's page: acts for webpage.py.

Environment, besides: BY_NAME a command that reaches the laptop from the other end by the name in $NAME, BY_ADDRESS one by
its virtual address in $ADDRESS; TO_ROUTER one by which the laptop reaches its own router.
"""
import json
import os
import subprocess
import urllib.request

import axe

BASE = os.environ["BASE"]
NAME = "bench"


def rename_device(b):
    """The laptop gets another name, by which the other end reaches it at once; then its own one again."""
    laptop = os.environ["LAPTOP"]
    label, _, rest = laptop.partition(".")
    address = device(b, laptop)["vip4"]
    assert works("BY_NAME", NAME=laptop), "the laptop is not reached by its name"
    change(b, laptop, "rename", NAME)
    renamed = f"{NAME}.{rest}"
    b.wait(10, "the new name on the page", lambda: renamed in b.text("main"))
    b.wait(10, "the new name at the other end", lambda: works("BY_NAME", NAME=renamed))
    assert device(b, renamed)["vip4"] == address, "a name is no other device"
    # What is no name is refused with a word, and changes nothing.
    change(b, renamed, "rename", "not a name")
    b.wait(5, "a word of the wrong name", lambda: "is no name" in b.text("main .notice"))
    axe.look(b)
    change(b, renamed, "rename", label)
    b.wait(10, "the old name on the page", lambda: laptop in b.text("main"))


def identity_off(b):
    """The laptop is an ordinary device for a while, and then an NTM device with other addresses."""
    laptop = os.environ["LAPTOP"]
    before = device(b, laptop)
    assert works("BY_ADDRESS", ADDRESS=before["vip4"]), "the laptop is not reached by its address"
    change(b, laptop, "identity")
    b.wait(10, "the badge", lambda: "without identity" in b.text("main"))
    axe.look(b)
    by_mac = lambda: next(it for it in devices(b) if it["mac"] == before["mac"])
    assert by_mac()["vip4"] == "" and by_mac()["online"], by_mac()
    assert not works("BY_ADDRESS", ADDRESS=before["vip4"]), "its address still leads to it"
    assert works("TO_ROUTER"), "its ordinary traffic does not go on"
    b.go(f"{BASE}/device?mac={before['mac']}")
    submit(b, "identity")
    b.wait(10, "an identity again", lambda: by_mac()["vip4"] not in ("", before["vip4"]))
    b.wait(10, "its new address at the other end", lambda: works("BY_ADDRESS", ADDRESS=by_mac()["vip4"]))


def change(b, name, what, to=None):
    b.go(f"{BASE}/device?mac={device(b, name)['mac']}")
    if to is not None:
        b.run("document.getElementById('to').value = arguments[0]", to)
    submit(b, what)
    b.wait(10, "to be back at the devices", lambda: b.url == BASE + "/devices")


def submit(b, what):
    b.run("document.querySelector(`input[value=${arguments[0]}]`).form.querySelector('button').click()", what)


def device(b, name):
    return next(it for it in devices(b) if it["name"] == name)


def devices(b):
    cookie = "; ".join(f"{it['name']}={it['value']}" for it in b.get("cookie"))
    request = urllib.request.Request(BASE + "/api/v1/devices", headers={"Cookie": cookie})
    return json.load(urllib.request.urlopen(request))


def works(command, **words):
    done = subprocess.run(["bash", "-c", os.environ[command]], env={**os.environ, **words},
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0
