"""A grown account comes under a reviewed manifest: what is missing, and values that no sink holds."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli.shell import Shell
from simulator import FULL, Fault, KeyRecord, World, make_space

import keyplan
from keyplan.applier import takeover
from keyplan.errors import InputError, RefusedError, SinkDeniedError
from keyplan.model.manifest import KeyType, OrganizationGrant, Role, SpaceGrant
from keyplan.model.observation import Access

HEAD = """\
version: 1
owner: acme
id: k7f3a9c2
sinks: {local: {type: file, path: "{name}.key"}}
"""


def declare(*records: KeyRecord, defaults: str = "sink: local") -> str:
    keys = "".join(f"  - {{name: '{one.name}', key_type: user, import: {one.id}}}\n" for one in records)
    return f"{HEAD}defaults: {{{defaults}}}\nkeys:\n{keys}"


def make_keys(shell: Shell, number: int = 3) -> list[KeyRecord]:
    return [shell.world.provider.person_creates(f"user {each}") for each in range(number)]


def digest_of(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("Digest: ")).removeprefix("Digest: ")


def fill_account(shell: Shell) -> None:
    """Make fifty keys by hand, ten of them of one name; in five spaces, if the API shows any."""
    provider = shell.world.provider
    provider.spaces |= {name: make_space(name) for name in ("research", "sales", "support")}
    shows_scopes = provider.laws().shows_scopes
    for number in range(20 if shows_scopes else 40):
        provider.person_creates(f"user {number}")
    for _ in range(10):
        shell.world.clock.advance(timedelta(seconds=1))
        provider.person_creates("ci")
    spaces = list(provider.spaces.values()) if shows_scopes else []
    for number, space in enumerate(spaces * 4):
        grant = SpaceGrant(space_id=space.id, role=Role("admin"))
        granted = OrganizationGrant(org_id=space.organization_id, spaces=(grant,))
        access = Access(account_role=Role("member"), organizations=(granted,))
        provider.person_creates(f"ingest {number // 5}", key_type=KeyType.SERVICE, access=access)


@pytest.mark.parametrize(("api", "declared"), [("alpha", 41), ("beta", 41)])
def test_fifty_keys_made_by_hand_are_under_a_manifest_in_five_commands(tmp_path: Path, api: str, declared: int) -> None:
    shell = Shell(folder=tmp_path, world=World(dialect=api))  # type: ignore[arg-type]  # one of the two
    fill_account(shell)
    before = dict(shell.world.provider.records)
    exported = shell("export", "--owner", "acme")
    shell.write(exported.out)
    reviewed = shell("plan", "--out", "plan.json")
    assert f"{declared} blocked." in reviewed.out
    values = json.dumps({one.id: one.raw for one in before.values() if one.id in declared_ids(exported.out)}).encode()
    applied = shell("apply", "plan.json", "--values", "-", stdin=values)
    assert applied.status == 0, applied.out + applied.err
    assert "No changes. Your keys match the manifest." in shell("plan").out
    assert len(before) == 50
    assert shell.world.provider.records == before


def declared_ids(manifest: str) -> set[str]:
    """Return the ids of the keys that a manifest declares, without those in its comments."""
    lines = (line.strip() for line in manifest.splitlines())
    return {line.removeprefix("import: ").strip('"') for line in lines if line.startswith("import: ")}


@pytest.mark.parametrize("form", ["address", "id", "dotenv"])
def test_values_of_any_form_are_stored_under_the_digest_of_a_plan_without_them(shell: Shell, form: str) -> None:
    made = make_keys(shell)
    shell.write(declare(*made))
    before = dict(shell.world.provider.records)
    reviewed = shell("plan", "--out", "plan.json")
    assert reviewed.status == 4, reviewed.err
    if form == "dotenv":
        text = "".join(f"USER_USER_{number}={one.raw}\n" for number, one in enumerate(made))
    else:
        text = json.dumps({one.id if form == "id" else f"user/{one.name}": one.raw for one in made})
    planned = shell("plan", "--values", "-", stdin=text.encode())
    assert (planned.status, digest_of(planned.out)) == (0, digest_of(reviewed.out)), planned.err
    applied = shell("apply", "plan.json", "--values", "-", stdin=text.encode())
    assert applied.status == 0, applied.out + applied.err
    assert "No changes. Your keys match the manifest." in shell("plan").out
    assert shell.world.provider.records == before
    assert shell.world.sinks["local"].values() == {f"user/{one.name}": one.raw for one in made}  # type: ignore[index]  # a sink's name
    said = "".join((*planned.__dict__.values(), *applied.__dict__.values())[1:3])
    written = said + applied.out + applied.err + (shell.folder / "plan.json").read_text()
    assert [one.raw for one in made if one.raw in written] == []


def test_python_imports_keys_with_their_values_and_nothing_else(shell: Shell) -> None:
    made = make_keys(shell)
    shell.write(declare(*made) + "  - {name: later, key_type: user}\n")
    values = shell.write(json.dumps({one.id: one.raw for one in made}), "values.json")
    values.chmod(0o600)
    context = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    report = keyplan.apply("keys.yaml", only="import", values=values, session=context)
    assert [(one.action.verb.value, one.action.address) for one in report.outcomes] == [
        ("import", f"user/{one.name}") for one in made
    ]
    assert [action.address for action in report.left] == ["user/later"]
    with pytest.raises(InputError, match="makes no sense here"):
        keyplan.apply("keys.yaml", only="nothing", session=context)


def test_a_value_of_another_key_is_never_stored(shell: Shell) -> None:
    first, second, _ = make_keys(shell)
    shell.write(declare(first))
    text = json.dumps({"user/user 0": second.raw})
    done = shell("apply", "--auto-approve", "--values", "-", stdin=text.encode())
    assert done.status == 4
    assert "the value that was given is not the raw key of" in done.out
    assert shell.world.sinks["local"].values() == {}  # type: ignore[index]  # a sink's name


def test_a_value_that_does_not_authenticate_is_never_stored(shell: Shell) -> None:
    first, *_ = make_keys(shell)
    shell.write(declare(first))
    shell.world.provider.verifications_refused = 99
    text = json.dumps({first.id: first.raw})
    done = shell("apply", "--auto-approve", "--values", "-", stdin=text.encode())
    assert done.status == 4
    assert "does not authenticate" in done.out + done.err
    assert (shell.world.sinks["local"].values(), shell.world.ledger.intents) == ({}, {})  # type: ignore[index]  # a sink's name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("{", "is not valid JSON", id="no JSON"),
        pytest.param("nothing", "holds no values", id="no lines"),
        pytest.param('{"user/user 0": 3}', "holds a value that is not a text", id="a number"),
        pytest.param('{"user/user 0": ""}', "the value of 'user/user 0' is empty", id="an empty one"),
        pytest.param('{"user/other": "x-y-z"}', "no declaration that imports a key fits 'user/other'", id="unknown"),
        pytest.param("USER_USER_0=a\nUSER_USER_0=b\n", "'user/user 0' is given twice", id="twice"),
        pytest.param("USER_A_B=secret-text", "'USER_A_B' stands for 'user/a b' and 'user/a-b'", id="ambiguous"),
        pytest.param('{"ak-4tj4w65hwtbwl6omxz7yyiizvptoondoxiaoudqru": "user/user 0"}', "fits entry 1", id="swapped"),
    ],
)
def test_values_that_cannot_be_meant_are_refused_without_being_quoted(shell: Shell, content: str, message: str) -> None:
    provider = shell.world.provider
    shell.write(declare(*make_keys(shell), provider.person_creates("a b"), provider.person_creates("a-b")))
    done = shell("plan", "--values", "-", stdin=content.encode())
    assert done.status == 3
    assert message in done.err
    assert "secret-text" not in done.err
    assert "4tj4w65h" not in done.err


def test_a_file_of_values_that_others_can_read_is_told(shell: Shell) -> None:
    first, *_ = make_keys(shell)
    shell.write(declare(first))
    file = shell.write(json.dumps({first.id: first.raw}), "values.json")
    file.chmod(0o644)
    assert "other users can read it" in shell("plan", "--values", "values.json").err
    file.chmod(0o600)
    assert "other users can read it" not in shell("plan", "--values", "values.json").err


def test_only_imports_are_applied_and_the_rest_is_left(shell: Shell) -> None:
    first, *_ = make_keys(shell)
    shell.world.sinks["local"].person_writes("user/user 0", first.raw)  # type: ignore[index]  # a sink's name
    shell.write(declare(first) + "  - {name: new, key_type: user}\n")
    done = shell("apply", "--only", "import", "--auto-approve")
    assert done.status == 0, done.out + done.err
    assert "Only imports are applied: 1 action, 1 left for a reviewed apply." in done.err
    assert [one.name for one in shell.world.provider.live()] == ["user 0", "user 1", "user 2"]
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in shell("plan").out


def test_a_replaced_key_is_retired_after_its_overlap_only_if_the_manifest_says_so(shell: Shell) -> None:
    for retires, live in (("", 2), (", retire_adopted: true", 1)):
        own = Shell(folder=shell.folder / f"{live}", world=World())
        own.folder.mkdir()
        (record,) = make_keys(own, 1)
        own.write(declare(record, defaults=f"sink: local, adopt: replace{retires}"))
        assert own("apply", "--auto-approve").status == 0
        own.world.clock.advance(timedelta(days=2))
        done = own("apply", "--auto-approve")
        assert done.status == 0, done.out + done.err
        assert len(own.world.provider.live()) == live


def test_an_import_that_was_cut_off_is_finished_by_the_next_run_and_no_key_changes(tmp_path: Path) -> None:
    shell = Shell(folder=tmp_path, world=World())
    (record,) = make_keys(shell, 1)
    shell.write(declare(record))
    text = json.dumps({record.id: record.raw}).encode()
    before = dict(shell.world.provider.records)
    shell.world.ledger.record, kept = _fail, shell.world.ledger.record  # type: ignore[method-assign]  # once
    assert shell("apply", "--auto-approve", "--values", "-", stdin=text).status != 0
    shell.world.ledger.record = kept  # type: ignore[method-assign]  # as it was
    shell.world.restart()
    done = shell("apply", "--auto-approve")
    assert done.status == 0, done.out + done.err
    assert "No changes." in shell("plan").out
    assert shell.world.provider.records == before


def _fail(*_arguments: object, **_options: object) -> None:
    from keyplan.errors import LedgerError  # noqa: PLC0415 - only here

    raise LedgerError("the ledger cannot be written")


TWO_SINKS = HEAD.replace('"{name}.key"}}', '"{name}.key"}, second: {type: file, path: "{name}.txt"}}')


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(("sink.intend:local",), id="no intent can be noted"),
        pytest.param(("sink.put:local",), id="one place takes it"),
        pytest.param(("sink.put:local", "sink.put:second"), id="no place takes it"),
    ],
)
def test_an_import_that_a_sink_refuses_is_finished_by_the_next_run(tmp_path: Path, broken: tuple[str, ...]) -> None:
    shell = Shell(folder=tmp_path, world=World(sinks={"local": FULL, "second": FULL}))
    first, *_ = make_keys(shell)
    text = declare(first, defaults="sink: [local, second]").replace(HEAD, TWO_SINKS)
    shell.write(text)
    values = json.dumps({first.id: first.raw}).encode()
    before = dict(shell.world.provider.records)
    for effect in broken:
        shell.world.effects.inject(Fault.ERROR, effect, times=20, error=SinkDeniedError("the sink refused it"))
    refused = shell("apply", "--auto-approve", "--values", "-", stdin=values)
    assert refused.status == 6, refused.out + refused.err
    shell.world.effects.restart()
    done = shell("apply", "--auto-approve", "--values", "-", stdin=values)
    assert done.status == 0, done.out + done.err
    assert [sink.values() for sink in shell.world.sinks.values()] == [{"user/user 0": first.raw}] * 2
    assert shell.world.provider.records == before


def test_a_value_is_looked_at_once_more_right_before_it_is_written() -> None:
    bench = SimpleNamespace(values={})
    action = SimpleNamespace(address="user/ci")
    basis = SimpleNamespace(key=SimpleNamespace(id="key-7", redacted="ak-abc...xyz"))
    with pytest.raises(RefusedError, match="is not the raw key of key-7"):
        takeover._verify_given(action, basis, bench)  # type: ignore[arg-type]  # only what it looks at
