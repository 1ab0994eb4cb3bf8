"""The official SDK lists all keys: `python sdk_list.py HOST:PORT`, in an environment that has `arize==8.61.0`.

As the vendor's own documentation pages through a listing, with the largest page that it allows.
"""

from __future__ import annotations

import sys

from arize import ArizeClient


def main() -> None:
    """List user keys and service keys, and print how many there are."""
    client = ArizeClient(api_key="ak-benchmark", api_host=sys.argv[1], api_scheme="http")
    found = 0
    for key_type in ("USER", "SERVICE"):
        cursor = None
        while True:
            page = client.api_keys.list(key_type=key_type, limit=100, cursor=cursor)
            found += len(page.api_keys)
            if not page.pagination.has_more:
                break
            cursor = page.pagination.next_cursor
    sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    main()
