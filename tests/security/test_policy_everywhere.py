"""Every command that reads a manifest holds it against the policies first, and so does the Python API."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from security.untouchable import Stranger

import keyplan
from keyplan.app.watch_files import WatchedFile, WatchedNames
from keyplan.cli.main import COMMANDS, cli
from keyplan.errors import ManifestError

HOSTILE = """\
version: 1
owner: ml
id: k7f3a9c2
provider: {base_url: "https://evil.example", credential: {command: [touch, touched]}}
ledger: {type: sqlite, path: touched/ledger.db}
sinks: {s: {type: command, argv: [touch, touched]}}
keys: [{name: ci, key_type: user, sink: s}]
"""
POLICY = """\
version: 1
allow: {base_urls: [], credentials: [], secrets: [], commands: false, sinks: [], ledgers: [], owners: [], folders: [.]}
"""
ARGUMENTS = {
    "validate": ["keys.yaml"],
    "plan": ["keys.yaml"],
    "apply": ["keys.yaml", "--auto-approve"],
    "rotate": ["user/ci", "--auto-approve"],
    "drift": ["keys.yaml"],
    "calendar": ["keys.yaml"],
    "audit": ["--manifest", "keys.yaml"],
    "explain": ["user/ci"],
    "rehearse": ["keys.yaml"],
    "doctor": ["keys.yaml"],
    "import": ["user/ci", "id"],
    "list": ["--manifest", "keys.yaml"],
    "export": ["--manifest", "keys.yaml", "--owner", "acme"],
    "show": ["--manifest", "keys.yaml"],
    "report": ["keys.yaml"],
    "history": ["--manifest", "keys.yaml"],
    "revoke": ["user/ci", "--manifest", "keys.yaml", "--auto-approve"],
    "leak": ["--manifest", "keys.yaml"],
    "ledger show": ["keys.yaml"],
    "ledger history": ["keys.yaml"],
    "ledger lock": ["keys.yaml"],
    "ledger copy": ["a.db", "b.db"],
    "ledger unlock": ["x"],
    "ledger rebuild": ["keys.yaml", "--force"],
}
"""What each command needs to get at the manifest; `watch` has a test of its own."""
MANIFESTS = {"manifest", "manifests", "sources"}
TEXT_ALONE = {"fmt"}
"""Commands that rewrite a manifest's text, and follow nothing that stands in it."""


def list_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command that takes a manifest, by its words."""
    group = cli
    context = click.Context(group)
    for name in COMMANDS:
        found = group.get_command(context, name)
        assert found is not None
        inner = found.commands.items() if isinstance(found, click.Group) else [("", found)]
        for word, one in inner:
            if name not in TEXT_ALONE and MANIFESTS & {str(parameter.name) for parameter in one.params}:
                yield f"{name} {word}".strip(), one


READING = dict(list_commands())


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    """Return a folder with a hostile manifest and a policy that allows nothing of it."""
    made = Stranger(tmp_path)
    made.write("keys.yaml", HOSTILE)
    made.write("policy.yaml", POLICY)
    return made


def test_every_command_that_reads_a_manifest_is_tried() -> None:
    assert set(READING) == {*ARGUMENTS, "watch"}


@pytest.mark.parametrize("words", READING)
def test_every_command_that_reads_a_manifest_takes_policies(words: str) -> None:
    (option,) = [parameter for parameter in READING[words].params if parameter.name == "policies"]
    assert option.envvar == "KEYPLAN_POLICY"


@pytest.mark.parametrize("words", READING)
def test_every_command_that_reads_a_manifest_takes_layers(words: str) -> None:
    options = {str(parameter.name): parameter.envvar for parameter in READING[words].params}
    assert [options.get(name) for name in ("overlays", "variables", "var_files")] == [
        "KEYPLAN_OVERLAY",
        "KEYPLAN_VAR",
        "KEYPLAN_VAR_FILE",
    ]


@pytest.mark.parametrize("is_ambient", [False, True], ids=["option", "environment"])
@pytest.mark.parametrize("words", ARGUMENTS)
def test_nothing_is_opened_for_a_manifest_that_is_not_allowed(stranger: Stranger, words: str, is_ambient: bool) -> None:
    if is_ambient:
        stranger.environment["KEYPLAN_POLICY"] = "policy.yaml"
    done = stranger(*words.split(), *ARGUMENTS[words], *([] if is_ambient else ["--policy", "policy.yaml"]))
    assert (done.status, stranger.wiring.asked) == (3, [])
    rules = ("base_urls", "commands", "sinks", "ledgers", "owners")
    assert [rule for rule in rules if f"policy/allow/{rule} in policy.yaml:2" not in done.err] == []
    assert sorted(path.name for path in stranger.folder.iterdir()) == ["keys.yaml", "policy.yaml"]


def test_without_the_policy_the_same_manifest_gets_its_ports(stranger: Stranger) -> None:
    with pytest.raises(AssertionError, match="provider"):
        keyplan.plan("keys.yaml", session=stranger.session(io.StringIO(), io.StringIO()).context)


def test_manifests_that_are_validated_together_are_not_compared_before(stranger: Stranger) -> None:
    (stranger.folder / "b").mkdir()
    stranger.write("b/keys.yaml", HOSTILE.replace("k7f3a9c2", "k8f3a9c2"))
    done = stranger("validate", "keys.yaml", "b/keys.yaml", "--policy", "policy.yaml")
    assert done.status == 3
    assert "manifest/conflict" not in done.err


def test_a_watched_manifest_is_held_against_the_policies(stranger: Stranger) -> None:
    context = stranger.session(io.StringIO(), io.StringIO()).context
    watched = WatchedFile("keys.yaml", WatchedNames(sources=("keys.yaml",), policies=("policy.yaml",)), context)
    with pytest.raises(ManifestError, match="policy/allow/base_urls"):
        watched.read([])


def read_then(use: Callable[..., object]) -> Callable[..., object]:
    def used(name: str, **options: Any) -> object:
        return use(keyplan.read_manifest(options["session"].folder / name), **options)

    return used


@pytest.mark.parametrize("is_ambient", [False, True], ids=["argument", "environment"])
@pytest.mark.parametrize(
    "use",
    [
        *(keyplan.plan, keyplan.apply, keyplan.drift, keyplan.list_keys, partial(keyplan.rotate, addresses="user/ci")),
        *(partial(keyplan.import_key, address="user/ci", key_id="id"), partial(keyplan.explain, subject="user/ci")),
        *(read_then(keyplan.plan), read_then(keyplan.apply)),
    ],
    ids=[
        "plan",
        "apply",
        "drift",
        "list_keys",
        "rotate",
        "import_key",
        "explain",
        "plan of an object",
        "apply of an object",
    ],
)
def test_the_library_opens_nothing_either(stranger: Stranger, use: Callable[..., object], is_ambient: bool) -> None:
    if is_ambient:
        stranger.environment["KEYPLAN_POLICY"] = "policy.yaml"
    session = stranger.session(io.StringIO(), io.StringIO()).context
    with pytest.raises(ManifestError, match=r"policy/allow/owners in policy\.yaml:2"):
        use("keys.yaml", policies=[] if is_ambient else ["policy.yaml"], session=session)
    assert stranger.wiring.asked == []
