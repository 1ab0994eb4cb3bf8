"""A user's own store for the sink `command`: a file for each value, and its metadata beside it. Writes are atomic.

usage: store.py FOLDER NAME store|describe|annotate|check|remove
"""

from __future__ import annotations

import json
import os
import sys


def write(path: str, content: bytes) -> None:
    """Put a file there at once, whichever other process writes."""
    new = f"{path}.{os.getpid()}.new"
    with open(new, "wb") as file:  # noqa: PTH123 - pathlib would take half of this program's time
        file.write(content)
    os.replace(new, path)  # noqa: PTH105 - the same


def describe(path: str) -> None:
    """Print what is there."""
    try:
        with open(f"{path}.notes", "rb") as file:  # noqa: PTH123 - the same
            found = json.load(file)
    except FileNotFoundError:
        found = {}
    fields = {name: found.get(name) for name in ("owner", "receipt", "intent")}
    sys.stdout.write(json.dumps({"present": os.path.exists(path), **fields}))  # noqa: PTH110 - the same


def remove(path: str) -> None:
    """Remove value and notes."""
    for each in (path, f"{path}.notes"):
        if os.path.exists(each):  # noqa: PTH110 - the same
            os.unlink(each)  # noqa: PTH108 - the same


if __name__ == "__main__":
    folder, name, verb = sys.argv[1:]
    place, told = f"{folder}/{name}", os.environ["KEYPLAN_METADATA"]
    if verb == "store":
        write(place, sys.stdin.buffer.read())
        write(f"{place}.notes", told.encode())
    elif verb == "annotate" and json.loads(told)["owner"] is None:
        if os.path.exists(f"{place}.notes"):  # noqa: PTH110 - the same
            os.unlink(f"{place}.notes")  # noqa: PTH108 - the same
    elif verb == "annotate":
        write(f"{place}.notes", told.encode())
    elif verb == "describe":
        describe(place)
    elif verb == "remove":
        remove(place)
