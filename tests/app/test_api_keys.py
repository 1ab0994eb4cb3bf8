"""Keys that exist, from Python: a manifest of them, and taking one over."""

from __future__ import annotations

import io

import pytest
from cli.shell import Shell

import keyplan
from keyplan.app.context import RunContext
from keyplan.errors import InputError, RefusedError

MANIFEST = """\
version: 1
owner: ml-platform
id: k7f3a9c2
sinks: {local: {type: file, path: "{name}.key"}}
keys: [{name: ci, key_type: user, sink: local}]
"""


@pytest.fixture
def session(shell: Shell) -> RunContext:
    """Return a session in the simulated world."""
    return shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context


def test_the_keys_that_exist_are_exported_and_nothing_changes(shell: Shell, session: RunContext) -> None:
    made = shell.world.provider.person_creates("ci")
    shell.world.provider.person_creates("other")
    before = dict(shell.world.provider.records)
    (exported,) = keyplan.export_keys("ml", names=["c*"], session=session)
    assert (exported.manifest.owner, exported.declared) == ("ml", 1)
    assert f"import: {made.id}" in exported.text
    assert shell.world.provider.records == before


def test_an_export_can_be_split(shell: Shell, session: RunContext) -> None:
    shell.world.provider.person_creates("ci")
    assert [one.manifest.folder for one in keyplan.export_keys("ml", split_by="space", session=session)] == [
        "user-keys"
    ]
    assert keyplan.export_keys("ml", split_by="creator", key_type="service", session=session) == ()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param({"owner": "ML"}, "owner 'ML' is not a valid owner", id="owner"),
        pytest.param({"owner": "ml", "key_type": "robot"}, "key_type 'robot' is unknown", id="type"),
        pytest.param({"owner": "ml", "split_by": "size"}, "split_by 'size' is unknown", id="split"),
    ],
)
def test_an_unknown_word_is_refused(session: RunContext, words: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        keyplan.export_keys(**words, session=session)  # type: ignore[arg-type]  # the words are under test


def test_a_key_is_taken_over(shell: Shell, session: RunContext) -> None:
    shell.write(MANIFEST)
    made = shell.world.provider.person_creates("ci")
    (address,) = [one.address for one in keyplan.read_manifest(shell.folder / "keys.yaml").keys]
    shell.world.sinks["local"].person_writes(address, made.raw)  # type: ignore[index]  # a sink's name
    imported = keyplan.import_key("keys.yaml", "user/ci", made.id, session=session)
    assert (imported.key_id, imported.address, imported.is_known) == (made.id, "user/ci", False)
    assert keyplan.import_key("keys.yaml", "user/ci", made.id, session=session).is_known


def test_a_key_that_cannot_be_taken_over_is_refused(shell: Shell, session: RunContext) -> None:
    shell.write(MANIFEST)
    made = shell.world.provider.person_creates("other")
    with pytest.raises(RefusedError):
        keyplan.import_key("keys.yaml", "user/ci", made.id, session=session)
