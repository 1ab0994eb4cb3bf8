"""A consumer: reads each place again and again, tries the key in it, and notes each that does not work.

usage: consumer.py CONFIG, a JSON file with `reader`, `check` (URL), `names` (a file) and `notes` (a file to append to)
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

_PAUSE_SECONDS = 0.01
Read = Callable[[str], str | None]


def make_reader(reader: dict[str, str], client: httpx.Client) -> Read:
    """Return a function from a name to the raw key in its place; None if there is none."""
    return {"file": _read_files, "vault": _read_vault, "aws": _read_aws}[reader["type"]](reader, client)


def _read_files(reader: dict[str, str], _client: httpx.Client) -> Read:
    def read(name: str) -> str | None:
        try:
            return Path(reader["path"].format(name=name)).read_text() or None
        except FileNotFoundError:
            return None

    return read


def _read_vault(reader: dict[str, str], client: httpx.Client) -> Read:
    def read(name: str) -> str | None:
        answer = client.get(reader["url"].format(name=name), headers={"X-Vault-Token": reader["token"]})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        data = answer.json()["data"]["data"]
        return data.get("api_key") if data else None

    return read


def _read_aws(reader: dict[str, str], _client: httpx.Client) -> Read:
    import boto3  # noqa: PLC0415 - takes half a second, and other readers don't need it

    session = boto3.session.Session("emulated", "emulated", region_name="eu-west-1")
    client = session.client("secretsmanager", endpoint_url=reader["url"])

    def read(name: str) -> str | None:
        try:
            found: dict[str, Any] = client.get_secret_value(
                SecretId=reader["name"].format(name=name), VersionStage="AWSCURRENT"
            )
        except (client.exceptions.ResourceNotFoundException, client.exceptions.InvalidRequestException):
            return None
        return str(found["SecretString"])

    return read


def watch(config: dict[str, Any]) -> None:
    """Read and try for ever."""
    names, notes = Path(config["names"]), Path(config["notes"])
    with httpx.Client(timeout=30) as client:
        read = make_reader(config["reader"], client)

        def works(raw: str) -> bool:
            return bool(client.post(config["check"], json={"key": raw}).json()["valid"])

        tried = 0
        while True:
            for name in json.loads(names.read_text()):
                raw = read(name)
                if raw is None:
                    continue
                tried += 1
                # A key that died between the two requests was not in the place while it was dead.
                if not works(raw) and read(name) == raw:
                    with notes.open("a") as file:
                        file.write(json.dumps({"name": name, "at": time.time()}) + "\n")
            new = Path(f"{notes}.new")
            new.write_text(str(tried))
            new.replace(f"{notes}.tried")
            time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    watch(json.loads(Path(sys.argv[1]).read_text()))
