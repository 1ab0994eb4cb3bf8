"""keyplan as a Python library."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cli.shell import MANIFEST, Shell
from listed_keys import KEYS
from plans import DONE, FULL, make_report

import keyplan
from keyplan import errors
from keyplan.app.context import RunContext
from keyplan.errors import InputError, ManifestError, PlanSpentError, PlanStaleError
from keyplan.model.plan import Request

pytestmark = pytest.mark.usefixtures("manifest")


@pytest.fixture
def session(shell: Shell) -> RunContext:
    """Return a session in the simulated world."""
    return shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context


def test_a_manifest_is_read_from_a_path(manifest: Path) -> None:
    assert [declaration.address for declaration in keyplan.read_manifest(manifest).keys] == [
        "user/ci",
        "service/production/ingest",
    ]


def test_a_manifest_with_problems_is_an_error(shell: Shell) -> None:
    with pytest.raises(ManifestError):
        keyplan.read_manifest(shell.write("version: 2"))


def test_a_missing_manifest_is_an_error() -> None:
    with pytest.raises(InputError, match=r"none\.yaml does not exist"):
        keyplan.read_manifest("none.yaml")


def test_a_plan_is_made_and_applied(shell: Shell, session: RunContext) -> None:
    plan = keyplan.plan("keys.yaml", session=session)
    assert keyplan.apply(plan, session=session).summary.add == 2
    assert keyplan.render(keyplan.plan("keys.yaml", session=session)).endswith(
        "No changes. Your keys match the manifest.\n"
    )
    assert len(shell.world.sinks["local"].values()) == 2


def test_what_is_asked_is_in_the_plan(session: RunContext) -> None:
    plan = keyplan.plan("keys.yaml", targets=["user/*"], rotate=["user/ci"], allow_deletes=1, session=session)
    assert plan.request == Request(rotate=("user/ci",), targets=("user/*",), allow_deletes=1)


def test_a_manifest_that_was_read_is_planned_beside_its_file(shell: Shell, session: RunContext, manifest: Path) -> None:
    read = keyplan.read_manifest(manifest)
    keyplan.plan(read, session=session)
    assert shell.wiring.ledger_path == shell.folder / ".keyplan" / "ledger.db"


def test_the_ledger_can_be_named(shell: Shell, session: RunContext) -> None:
    keyplan.plan("keys.yaml", ledger="other.db", session=session)
    assert shell.wiring.ledger_path == shell.folder / "other.db"


def test_a_manifest_is_applied_without_further_ado(session: RunContext) -> None:
    assert keyplan.apply("keys.yaml", session=session).summary.add == 2


def test_a_stale_plan_is_refused(shell: Shell, session: RunContext) -> None:
    plan = keyplan.plan("keys.yaml", session=session)
    shell.write(MANIFEST.replace("name: ci", "name: cd"))
    with pytest.raises(PlanStaleError):
        keyplan.apply(plan, session=session)


def test_a_plan_runs_once(session: RunContext) -> None:
    plan = keyplan.plan("keys.yaml", session=session)
    keyplan.apply(plan, session=session)
    with pytest.raises(PlanSpentError):
        keyplan.apply(plan, session=session)


def test_a_plan_without_changes_runs_as_often_as_you_like(session: RunContext) -> None:
    keyplan.apply("keys.yaml", session=session)
    plan = keyplan.plan("keys.yaml", session=session)
    assert [keyplan.apply(plan, session=session).outcomes for _ in range(2)] == [(), ()]


def test_nouns_are_rendered_as_the_command_line_prints_them() -> None:
    assert json.loads(keyplan.render(FULL, "json"))["format_version"] == "1.1"
    assert "Apply complete!" in keyplan.render(make_report(DONE))
    assert keyplan.render(KEYS).startswith("NAME")
    assert keyplan.render(KEYS, "csv").startswith("id,")


def test_observations_convert_by_themselves() -> None:
    assert json.loads(KEYS[0].to_json()) == KEYS[0].to_dict()


def test_the_public_names_are_those() -> None:
    functions = [name for name in dir(keyplan) if not name.endswith("Error")]
    assert functions == [
        *("Layers", "__version__", "apply", "drift", "explain", "export_keys", "find_leak"),
        *("import_key", "list_keys", "plan", "read_manifest", "render", "rotate"),
    ]


def test_every_error_that_leaves_the_library_is_a_public_name() -> None:
    raised = {cls.__name__ for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, Exception)}
    # In doubt is found out and reported per key; a notification is the command line's.
    assert {name for name in dir(keyplan) if name.endswith("Error")} == raised - {"InDoubtError", "NotificationError"}
    assert all(getattr(keyplan, name) is getattr(errors, name) for name in dir(keyplan) if name.endswith("Error"))


def test_named_keys_are_renewed_and_no_others(shell: Shell, session: RunContext) -> None:
    keyplan.apply("keys.yaml", session=session)
    before = shell.world.delivered()
    report = keyplan.rotate("keys.yaml", "user/ci", session=session)
    assert [outcome.action.address for outcome in report.outcomes] == ["user/ci"]
    after = shell.world.delivered()
    assert [slot for slot in before if before[slot] == after[slot]] == [
        slot for slot in before if "ci" not in str(slot)
    ]


def test_a_rotation_now_ends_the_old_keys_at_once(shell: Shell, session: RunContext) -> None:
    keyplan.apply("keys.yaml", session=session)
    keyplan.rotate("keys.yaml", ["user/*"], now=True, session=session)
    assert [record.name for record in shell.world.provider.live()].count("ci") == 1


@pytest.mark.parametrize("named", [(), []])
def test_a_rotation_of_nothing_is_refused(shell: Shell, session: RunContext, named: list[str]) -> None:
    with pytest.raises(InputError, match="no address is named"):
        keyplan.rotate("keys.yaml", named, session=session)
    assert shell.world.provider.live() == ()


def test_a_rotation_of_an_unknown_address_is_refused(session: RunContext) -> None:
    with pytest.raises(InputError, match="user/cy"):
        keyplan.rotate("keys.yaml", "user/cy", session=session)


def test_drift_is_found_and_rendered(session: RunContext) -> None:
    found = keyplan.drift("keys.yaml", session=session)
    assert [finding.address for finding in found.findings] == ["service/production/ingest", "user/ci"]
    assert "user/ci" in keyplan.render(found)


def test_keys_are_listed(session: RunContext) -> None:
    assert keyplan.list_keys(session=session) == ()
    keyplan.apply("keys.yaml", session=session)
    assert [key.name for key in keyplan.list_keys(session=session)] == ["ingest", "ci"]  # by id
    assert [key.name for key in keyplan.list_keys("keys.yaml", space="production", session=session)] == ["ingest"]
    assert [key.to_dict()["name"] for key in keyplan.list_keys(key_type="user", session=session)] == ["ci"]
    assert len(keyplan.list_keys(limit=1, session=session)) == 1
    assert [key.name for key in keyplan.list_keys(names=["c*"], session=session)] == ["ci"]
    assert keyplan.list_keys(managed=False, session=session) == ()
    assert [key.name for key in keyplan.list_keys(sort="name", session=session)] == ["ci", "ingest"]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        pytest.param({"space": "production", "space_id": "x"}, "exclude each other", id="two ways to name a space"),
        pytest.param({"status": "gone"}, "status 'gone' is unknown", id="an unknown status"),
        pytest.param({"key_type": "robot"}, "key_type 'robot' is unknown", id="an unknown type"),
        pytest.param({"space": "nowhere"}, "nowhere", id="an unknown space"),
        pytest.param({"sort": "size"}, "sort 'size' is unknown", id="an unknown order"),
    ],
)
def test_a_question_about_keys_that_makes_no_sense_is_refused(
    session: RunContext, question: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        keyplan.list_keys(session=session, **question)  # type: ignore[arg-type]  # the words are under test


def test_another_name_is_no_name_of_the_library() -> None:
    with pytest.raises(AttributeError, match="module 'keyplan' has no attribute 'destroy'"):
        keyplan.destroy  # noqa: B018 - asking for it is the point


def test_without_a_session_it_stands_in_the_process_and_stays_silent(
    monkeypatch: pytest.MonkeyPatch, manifest: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(manifest.parent)
    monkeypatch.delenv("ARIZE_API_KEY", raising=False)
    with pytest.raises(InputError, match="ARIZE_API_KEY"):
        keyplan.plan("keys.yaml")
    with pytest.raises(InputError, match="ARIZE_API_KEY"):
        keyplan.apply("keys.yaml")
    assert capfd.readouterr() == ("", "")


def test_standard_input_is_nothing_that_a_library_reads() -> None:
    with pytest.raises(ManifestError):
        keyplan.read_manifest("-")
