#!/usr/bin/env python3
"""load.py NETNS ADDRESS SECONDS PIDS_A PIDS_B: what a path carries, as `name<TAB>value` lines.

From the namespace to iperf3 and sockperf at the address: TCP with one stream and four, UDP packets a second at less than
1 % loss, round trips of a small TCP message. Beside TCP the processor time of the processes on either router, in seconds
per GiB that arrived, and their memory at the end.
"""
import json
import os
import re
import subprocess
import sys
import time

netns, address, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3])
sides = {"a": sys.argv[4].split(), "b": sys.argv[5].split()}
TICK = os.sysconf("SC_CLK_TCK")
LOSS = 1.0  # per cent


def put(name, value):
    print(f"{name}\t{json.dumps(value)}", flush=True)


def on(*words):
    run = subprocess.run(["ip", "netns", "exec", netns, *map(str, words)], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        sys.exit(f"{words[0]}: {(run.stderr or run.stdout).strip()[-200:]}")
    return run.stdout


def iperf(*words):
    """The `end` of iperf3's report."""
    said = {}
    for _ in range(20):
        command = ["ip", "netns", "exec", netns, "iperf3", "-c", address, "-J", *map(str, words)]
        try:
            said = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=30).stdout)
        except (ValueError, subprocess.TimeoutExpired) as error:
            said = {"error": str(error)}
        if "error" not in said:
            return said["end"]
        # The server takes one test at a time, and ends the one before a moment later.
        time.sleep(0.3)
    sys.exit(f"iperf3: {said['error']}")


def processor(pids):
    """Seconds, all threads, user and system."""
    total = 0
    for pid in pids:
        fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def tcp(streams):
    before = {side: processor(pids) for side, pids in sides.items()}
    # Others than cubic pace what they send, or do not mind losses.
    got = iperf("-t", seconds, "-O", 1, "-P", streams, "-C", "cubic")
    spent = {side: processor(pids) - before[side] for side, pids in sides.items()}
    put(f"tcp{streams}", round(got["sum_received"]["bits_per_second"] / 1e6))
    # The second that is not counted costs as much.
    gib = got["sum_received"]["bytes"] / (1 << 30) * (seconds + 1) / seconds
    for side, pids in sides.items():
        if pids:
            put(f"cpu{streams}.{side}", round(spent[side] / gib, 2))
    put(f"retransmits{streams}", got["sum_sent"].get("retransmits", 0))


def udp_once(length, rate):
    """Packets a second that arrived; whether few enough were lost; whether as many were sent."""
    end = iperf("-u", "-l", length, "-b", int(rate * length * 8), "-t", 1, "--pacing-timer", 200, "-w", "2M")["sum"]
    arrived = (end["packets"] - end["lost_packets"]) / end["seconds"]
    return arrived, end["lost_percent"] < LOSS, end["packets"] / end["seconds"] > rate * 0.9


def udp(length):
    rate, best, bad, limit = 20_000, 0, None, "loss"
    for _ in range(10):
        # A moment in which the machine stands still is no limit.
        arrived, few_lost, sent = udp_once(length, rate)
        if not few_lost:
            arrived, few_lost, sent = udp_once(length, rate)
        if few_lost:
            best = max(best, arrived)
        if not few_lost or not sent:
            bad, limit = rate, "loss" if not few_lost else "sender"
        rate = rate * 2 if bad is None else (max(best, 1000) * bad) ** 0.5
        if bad and bad / max(best, 1000) < 1.08 or limit == "sender":
            break
    if best:
        put(f"udp{length}", round(best))
        put(f"udp{length}_limit", limit)


def round_trips():
    said = on("sockperf", "pp", "--tcp", "-i", address, "-p", 11111, "-t", 3, "--msg-size", 64, "--full-rtt")
    for name, percentile in (("p50", "50.000"), ("p99", "99.000")):
        found = re.search(rf"percentile {percentile} *= *([0-9.]+)", said)
        put(f"rr.{name}", float(found[1]))


def memory():
    for side, pids in sides.items():
        kib = sum(int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) for pid in pids)
        if pids:
            put(f"rss_mib.{side}", round(kib / 1024, 1))


on("ping", "-qc", 3, "-i", "0.2", address)
round_trips()
tcp(1)
tcp(4)
for length in (1200, 200, 64):
    udp(length)
memory()
