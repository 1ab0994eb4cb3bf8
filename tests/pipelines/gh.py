"""A stand-in for GitHub's `gh api`: the options that the action's scripts use, and no other.

Source: the manual of `gh api`. `test_github.py` runs the same tests with the real program where it is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

import jq


def main() -> int:
    """Make the request, every page of it, and print what jq makes of each."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("what", choices=["api"])
    parser.add_argument("path")
    parser.add_argument("--paginate", action="store_true")
    parser.add_argument("--method", choices=["GET", "POST", "PATCH"], default="GET")
    parser.add_argument("--jq", default=".")
    parser.add_argument("--field", action="append", default=[])
    parser.add_argument("--raw-field", action="append", default=[])
    parser.add_argument("--silent", action="store_true")
    given = parser.parse_args()
    body = dict(field.split("=", 1) for field in given.raw_field)
    for name, value in (field.split("=", 1) for field in given.field):
        # The real one reads a file after an @, and makes numbers and truth values of others; our scripts need none.
        body[name] = Path(value.removeprefix("@")).read_text(encoding="utf-8")
    url = f"{os.environ['FAKE_GITHUB_URL']}/{given.path}"
    while url:
        url = fetch(url, given.method, body, jq.compile(given.jq), is_silent=given.silent)
        url = url if given.paginate else ""
    return 0


def fetch(url: str, method: str, body: dict[str, str], program: object, *, is_silent: bool) -> str:
    """Print one page and return where the next one is; empty after the last."""
    request = urllib.request.Request(  # noqa: S310 - the test's own server
        url,
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={"Authorization": f"token {os.environ['GH_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
        page = json.load(answer)
        link = answer.headers.get("Link") or ""
    if not is_silent:
        for value in program.input_value(page):
            sys.stdout.write(f"{value if isinstance(value, str) else json.dumps(value)}\n")
    found = re.search(r'<([^>]+)>; rel="next"', link)
    return found[1] if found else ""


if __name__ == "__main__":
    try:
        sys.exit(main())
    except urllib.error.HTTPError as error:
        sys.exit(f"gh: HTTP {error.code}")
