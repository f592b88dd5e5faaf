#!/usr/bin/env python3
"""jq.py FILE|- EXPRESSION: prints a Python expression over the JSON document `d`."""
import json
import sys

d = json.load(sys.stdin if sys.argv[1] == "-" else open(sys.argv[1]))


def find(rows, **want):
    """The first row with these members; {} when there is none."""
    return next((r for r in rows if all(r.get(k) == v for k, v in want.items())), {})


value = eval(sys.argv[2])  # the expressions are written in the scenarios
if isinstance(value, str):
    print(value)
else:
    print(json.dumps(value))
sys.exit(0 if value not in (None, "", False, {}, []) else 1)
