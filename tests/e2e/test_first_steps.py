"""The first ten minutes of the pages of both providers, line by line, on the real servers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.real_life import read
from servers.phoenix import RunningPhoenix
from servers.relay import Relay, relaying
from servers.workplace import Workplace
from servers.zenml import RunningZenml

pytestmark = [pytest.mark.providers, pytest.mark.e2e, pytest.mark.enable_socket]

PAGES = Path(__file__).parents[2] / "docs" / "providers"
MOST_LINES = 40
"""So long a page may be that a newcomer follows."""
_FENCE = re.compile(r"^```(?P<kind>\w+)(?: title=\"[^\"]+\")?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"# exit status (?P<status>\d)")


def read_section(name: str) -> tuple[str, list[list[str]]]:
    """Return the manifest of a page, and the lines of each block of its first steps."""
    page = (PAGES / f"{name}.md").read_text()
    section = page[page.index("## First ten minutes") : page.index("## What was proven")]
    manifests = [
        found["text"] for found in _FENCE.finditer(page) if found["kind"] == "yaml" and "version: 1" in found["text"]
    ]
    blocks = [found["text"].splitlines() for found in _FENCE.finditer(section) if found["kind"] == "sh"]
    assert section.count("\n") <= MOST_LINES
    assert len(blocks) == 3
    (manifest,) = [text for text in manifests if text.startswith("version: 1")]
    return manifest, blocks


def follow(place: Workplace, lines: list[str], by_hand: Callable[[str], None]) -> None:
    """Run each line, with the exit status that it announces."""
    for line in lines:
        words = line.partition("#")[0].split()
        if words[0] == "export":
            continue
        if words[0] != "keyplan":
            by_hand(line)
            continue
        arguments = [*words[1:], *(["--auto-approve"] if words[1] in ("apply", "rotate") else [])]
        done = place.run(*arguments)
        status = _STATUS.search(line)
        assert done.returncode == int(status["status"] if status else 0), f"{line}: {done.stdout}{done.stderr}"


def put(place: Workplace, manifest: str, url: str) -> None:
    text = manifest.replace(url, place.relay.url)
    assert text != manifest
    (place.folder / "keys.yaml").write_text(leave_out(text, "reader_credential"))


def remove(place: Workplace, name: str) -> None:
    path = place.folder / "keys.yaml"
    path.write_text(leave_out(path.read_text(), f"name: {name},"))


def leave_out(text: str, words: str) -> str:
    """Return a text without the lines that have these words."""
    return "".join(f"{row}\n" for row in text.splitlines() if words not in row)


def open_place(folder: Path, relay: Relay, variable: str, value: str) -> Workplace:
    return Workplace(folder=folder, relay=relay, provider="", credential=(variable, value))


def test_the_steps_of_phoenix(tmp_path: Path, empty_phoenix: RunningPhoenix) -> None:
    manifest, (begin, drift, end) = read_section("phoenix")
    with relaying(empty_phoenix.base_url) as relay, empty_phoenix.client() as client:
        place = open_place(tmp_path, relay, "PHOENIX_ADMIN_SECRET", empty_phoenix.admin_secret)
        put(place, manifest, "http://127.0.0.1:6006")
        follow(place, begin, pytest.fail)
        (evals,) = [key for key in read(client.get("/v1/system/api_keys"))["data"] if key["name"] == "evals"]
        client.delete(f"/v1/system/api_keys/{evals['id']}").raise_for_status()
        follow(place, drift, pytest.fail)
        remove(place, "evals")
        follow(place, end, pytest.fail)
        names = [key["name"] for key in read(client.get("/v1/system/api_keys"))["data"]]
    assert (names.count("evals"), names.count("tracing")) == (0, 2)
    assert [path.name for path in (tmp_path / "secrets").glob("*.key")] == ["tracing.key"]


def test_the_steps_of_zenml(tmp_path: Path, empty_zenml: RunningZenml) -> None:
    manifest, (begin, rotate, end) = read_section("zenml")
    keys = f"/api/v1/service_accounts/{empty_zenml.create_service_account('ci')}/api_keys"
    with relaying(empty_zenml.base_url) as relay, empty_zenml.client() as client:

        def by_hand(line: str) -> None:
            assert line.startswith("zenml service-account api-key ci rotate ingest")
            client.put(f"{keys}/ingest/rotate", json={"retain_period_minutes": 0}).raise_for_status()

        place = open_place(tmp_path, relay, "ZENML_ADMIN_TOKEN", empty_zenml.admin_token)
        put(place, manifest, "https://zenml.example.com")
        follow(place, begin, by_hand)
        follow(place, rotate, by_hand)
        remove(place, "train")
        follow(place, end, by_hand)
        names = [key["name"] for key in read(client.get(keys))["items"]]
    assert names == ["ingest"]
