"""What a manifest names is listed for plugins of others, too, whatever their schemas say of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keyplan.app.allow import find_forbidden
from keyplan.app.files import Input, read_manifest
from keyplan.app.references import NamedOption, PluginUse, list_references, read_accesses, read_secret
from keyplan.documents.schemas import load
from keyplan.manifest import read_policy
from keyplan.model.manifest import FromCommand, FromEnvironment, FromFile, Json, SecretSource
from keyplan.model.policy import OptionAccess

SILENT = """\
OPTIONS = {"type": "object", "properties": {
    "server": {"type": "string"},
    "retries": {"type": "integer"},
    "mode": {"enum": ["a", "b"]},
    "file": {"type": "string", "x-access": "file"},
    "odd": {"type": "string", "x-access": "paths"},
}}
"""
HEAD = "version: 1\nowner: ml\nid: k7f3a9c2\n"

Find = Callable[[str, str], list[str]]


@pytest.fixture
def find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Find]:
    """Return what finds the messages about a manifest with plugins of others, under the items of `allow`."""
    site = tmp_path / "site"
    distribution = site / "acme_plugins-1.dist-info"
    distribution.mkdir(parents=True)
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugins\nVersion: 1\n")
    groups = "".join(f"[keyplan.{group}]\nacme = acme_silent\n" for group in ("sinks", "ledgers", "providers"))
    (distribution / "entry_points.txt").write_text(groups)
    (site / "acme_silent.py").write_text(SILENT)
    monkeypatch.syspath_prepend(site)

    def find_in(manifest: str, allow: str) -> list[str]:
        read = read_manifest(Input(name="keys.yaml", folder=tmp_path, content=f"{HEAD}{manifest}".encode()))
        policy = read_policy(f"version: 1\nallow: {{{allow}}}\n".encode(), file="policy.yaml", schema=load("policy.v1"))
        return [problem.message.partition(" (policy/allow/")[0] for problem in find_forbidden(read, tmp_path, [policy])]

    yield find_in
    sys.modules.pop("acme_silent", None)


SINK = "sinks: {s: {type: acme, server: evil, retries: 3, mode: a}}\nkeys: []\n"
LEDGER = "ledger: {type: acme, server: evil}\nkeys: []\n"
SAYS_NOTHING = "option 'server' of sink 's' does not say what it names, so that it can't be allowed"


@pytest.mark.parametrize("allow", ["commands: false", "folders: [.]", "secrets: []"])
def test_an_option_that_does_not_say_what_it_names_is_refused_by_what_could_concern_it(find: Find, allow: str) -> None:
    assert find(SINK, allow) == [SAYS_NOTHING]
    assert find(LEDGER, allow) == [SAYS_NOTHING.replace("sink 's'", "the ledger")]


@pytest.mark.parametrize("allow", ["owners: [ml]", "base_urls: []", "commands: true"])
def test_it_is_not_refused_by_what_cannot_concern_it(find: Find, allow: str) -> None:
    assert find(SINK, allow) == []


def test_an_entry_that_names_it_allows_it(find: Find) -> None:
    entry = "{type: acme, server: evil, retries: 3, mode: [a, b]}"
    assert find(SINK, f"commands: false, folders: [.], sinks: [{entry}]") == []
    assert find(SINK, f"commands: false, sinks: [{entry.replace('evil', 'good')}]") == [
        "option 'server' of sink 's' 'evil' does not fit 'good'"
    ]


def test_an_option_with_an_unknown_word_says_nothing(find: Find) -> None:
    manifest = "sinks: {s: {type: acme, odd: /etc/x, file: x}}\nkeys: []\n"
    assert find(manifest, "folders: [.]") == [SAYS_NOTHING.replace("server", "odd")]


def test_a_provider_that_does_not_tell_its_url_is_refused(find: Find) -> None:
    manifest = "provider: {type: acme, server: evil}\nkeys: []\n"
    messages = find(manifest, "base_urls: ['https://api.arize.com']")
    assert (
        messages[0] == "the location of the API of provider type 'acme' is not known to keyplan, so it can't be allowed"
    )


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ({"env": "A"}, FromEnvironment("A")),
        ({"file": "a"}, FromFile("a")),
        ({"command": ["a", "b"]}, FromCommand(("a", "b"))),
        ({"env": "A", "file": "a"}, None),
        ({"env": 1}, None),
        ({"command": "a"}, None),
        ("A", None),
        (None, None),
    ],
)
def test_a_secret_is_one_source_or_none(value: Json, source: SecretSource | None) -> None:
    assert read_secret(value) == source


def test_what_a_schema_says_in_several_words_is_all_of_them() -> None:
    assert read_accesses({"x-access": ["file", "command"]}) == {OptionAccess.FILE, OptionAccess.COMMAND}
    assert read_accesses({"x-access": ["file", "other"]}) == frozenset()
    assert read_accesses({}) == frozenset()


def test_a_nested_option_is_listed_with_its_path(tmp_path: Path) -> None:
    text = "sinks: {s: {type: vault, path: x, auth: {method: token, token: {env: A}}}}\nkeys: []\n"
    manifest = read_manifest(Input(name="keys.yaml", folder=tmp_path, content=f"{HEAD}{text}".encode()))
    (use,) = [one for one in list_references(manifest) if isinstance(one, PluginUse) and one.kind == "sink"]
    assert list(use.named_options) == [
        NamedOption(path=("path",), value="x", accesses=frozenset({OptionAccess.PLACE})),
        NamedOption(path=("auth", "token"), value={"env": "A"}, accesses=frozenset({OptionAccess.SECRET})),
    ]
