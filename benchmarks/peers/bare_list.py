"""The least that any Python program would do: `python bare_list.py URL MANIFEST`, in keyplan's environment.

The same pages as keyplan asks for, one after the other, with httpx, and a bare `yaml.load` of the manifest with the C
loader. No key is looked at. With `--users-alone` in place of the manifest, the pages of the user keys and nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import yaml

_HEADERS = {"Authorization": "Bearer ak-benchmark"}


def list_pages(client: httpx.Client, url: str, filters: dict[str, str]) -> int:
    """Return how many keys there are on all pages of a listing."""
    found, wanted = 0, {**filters, "status": "ACTIVE", "limit": "100"}
    while True:
        answer = client.get(f"{url}/v2/api-keys", params=wanted).json()
        found += len(answer["api_keys"])
        if not answer["pagination"]["has_more"]:
            return found
        wanted["cursor"] = answer["pagination"]["next_cursor"]


def main() -> None:
    """List everything and load the manifest."""
    url, manifest = sys.argv[1], sys.argv[2]
    if manifest == "--users-alone":
        with httpx.Client(headers=_HEADERS) as client:
            sys.stdout.write(f"{list_pages(client, url, {'key_type': 'USER'})}\n")
        return
    declared = yaml.load(Path(manifest).read_bytes(), Loader=yaml.CSafeLoader)["keys"]
    spaces = sorted({key["space_id"] for key in declared if "space_id" in key})
    with httpx.Client(headers=_HEADERS) as client:
        found = sum(list_pages(client, url, {"key_type": word}) for word in ("USER", "SERVICE"))
        found += sum(list_pages(client, url, {"key_type": "SERVICE", "space_id": space}) for space in spaces)
    sys.stdout.write(f"{found} {len(declared)}\n")


if __name__ == "__main__":
    main()
