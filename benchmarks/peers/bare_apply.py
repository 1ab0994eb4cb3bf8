"""What httpx alone makes of an apply: `python bare_apply.py URL KEYS THREADS`, in keyplan's environment.

A create and a request that verifies its raw key for each, a client to each thread; without certificates, which plain
http does not need and which take 20 ms a client. Nothing is read, planned or stored.
Prints the seconds of the requests alone.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import local

import httpx


def main() -> None:
    """Create and verify."""
    url, keys, threads = f"{sys.argv[1]}/v2/api-keys", int(sys.argv[2]), int(sys.argv[3])
    mine = local()

    def issue(number: int) -> int:
        client = mine.__dict__.setdefault("client", None) or httpx.Client(trust_env=False, verify=False)  # noqa: S501 - plain http, on this machine
        mine.client = client
        body = {"name": f"pipeline-{number}", "key_type": "USER", "description": "A key of a benchmark"}
        created = client.post(url, json=body, headers={"Authorization": "Bearer ak-benchmark"}).json()
        headers = {"Authorization": f"Bearer {created['key']}"}
        return client.get(url, params={"limit": "1"}, headers=headers).status_code

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        statuses = set(pool.map(issue, range(keys)))
    seconds = time.perf_counter() - start
    if statuses != {httpx.codes.OK}:
        raise SystemExit(f"answers were {statuses}")
    sys.stdout.write(f"{seconds}\n")


if __name__ == "__main__":
    main()
