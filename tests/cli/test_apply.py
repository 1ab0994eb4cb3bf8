"""`keyplan apply`."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from cli.shell import MANIFEST, Shell
from simulator import Fault
from syrupy.assertion import SnapshotAssertion

USUAL = pytest.mark.usefixtures("manifest")
RENAMED = MANIFEST.replace("{name: ci,", "{name: ci, description: new,")


def digest_of(shell: Shell) -> str:
    digest: str = json.loads(shell("plan", "--format", "json").out)["digest"]
    return digest


def count_keys(shell: Shell) -> int:
    return sum(record.active for record in shell.world.provider.records.values())


@USUAL
def test_it_shows_the_plan_and_then_what_was_done(shell: Shell, snapshot: SnapshotAssertion) -> None:
    done = shell("apply", "--auto-approve")
    assert (done.status, done.err) == (0, "")
    assert done.out == snapshot


@USUAL
def test_every_raw_key_reaches_its_sink_and_no_stream(shell: Shell) -> None:
    done = shell("apply", "--auto-approve", "-v")
    raws = shell.world.sinks["local"].values().values()
    assert len(raws) == 2
    assert not any(raw in done.out + done.err for raw in raws)


@USUAL
def test_a_second_apply_has_nothing_to_do_and_says_so(shell: Shell, snapshot: SnapshotAssertion) -> None:
    shell("apply", "--auto-approve")
    assert shell("apply", "--auto-approve").out == snapshot


@USUAL
def test_json_is_the_document_of_the_report(shell: Shell) -> None:
    report = json.loads(shell("apply", "--auto-approve", "--format", "json").out)
    assert [outcome["status"] for outcome in report["outcomes"]] == ["done", "done"]


@USUAL
def test_nobody_there_to_ask_is_4_and_nothing_is_touched(shell: Shell) -> None:
    done = shell("apply")
    assert (done.status, done.out) == (4, "")
    assert "the plan is not approved: this run is not interactive" in done.err
    assert shell.wiring.settings is None


@USUAL
def test_a_terminal_in_ci_is_not_asked(shell: Shell) -> None:
    shell.environment["CI"] = "true"
    assert shell("apply", typed="yes\n").status == 4


@USUAL
def test_yes_typed_at_a_terminal_applies(shell: Shell) -> None:
    shell.environment["TERM"] = "dumb"
    done = shell("apply", typed="yes\n")
    assert done.status == 0
    assert "Only 'yes' is taken for a yes" in done.err
    assert count_keys(shell) == 2


@USUAL
@pytest.mark.parametrize("typed", ["", "\n", "y\n", "YES\n", "no\n"])
def test_anything_but_yes_applies_nothing(shell: Shell, typed: str) -> None:
    shell.environment["TERM"] = "dumb"
    done = shell("apply", typed=typed)
    assert done.status == 4
    assert "not approved, nothing was done" in done.err
    assert count_keys(shell) == 0


@USUAL
def test_who_is_asked_sees_the_plan_even_where_the_answer_is_json(shell: Shell) -> None:
    shell.environment["TERM"] = "dumb"
    done = shell("apply", "--format", "json", typed="yes\n")
    assert "Plan: 2 to add, 0 to change, 0 to destroy." in done.err
    assert json.loads(done.out)["complete"]


@USUAL
def test_nobody_is_asked_where_nothing_is_to_do(shell: Shell) -> None:
    shell("apply", "--auto-approve")
    shell.environment["TERM"] = "dumb"
    done = shell("apply", typed="")
    assert (done.status, done.err) == (0, "")


@USUAL
def test_the_expected_digest_is_an_approval(shell: Shell) -> None:
    assert shell("apply", "--expect", digest_of(shell)).status == 0
    assert count_keys(shell) == 2


@USUAL
@pytest.mark.parametrize("digits", [12, 20, 63])
def test_the_beginning_of_the_digest_is_an_approval(shell: Shell, digits: int) -> None:
    assert shell("apply", "--expect", digest_of(shell)[:digits].upper()).status == 0
    assert count_keys(shell) == 2


@USUAL
@pytest.mark.parametrize("digest", ["", "0" * 11, "0" * 65, "x" * 12, "0" * 12 + "\n"])
def test_what_is_too_short_for_a_digest_or_no_digest_is_misuse(shell: Shell, digest: str) -> None:
    done = shell("apply", "--expect", digest)
    assert done.status == 64
    assert "12 to 64 hex digits" in done.err
    assert count_keys(shell) == 0


@USUAL
def test_another_digest_is_refused_and_the_current_plan_is_shown(shell: Shell) -> None:
    done = shell("apply", "--expect", "0" * 12)
    assert done.status == 4
    assert "the current plan does not match --expect" in done.err
    assert "Plan: 2 to add" in done.out
    assert count_keys(shell) == 0


@USUAL
def test_a_saved_plan_is_its_own_approval(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    assert shell("apply", "plan.json").status == 0
    assert count_keys(shell) == 2


@USUAL
def test_a_saved_plan_runs_once(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    shell("apply", "plan.json")
    done = shell("apply", "plan.json")
    assert done.status == 4
    assert done.err.startswith("error: the plan was applied before: at 20")
    assert "on ci-1" in done.err


@USUAL
def test_a_saved_plan_that_has_nothing_to_do_is_never_spent(shell: Shell) -> None:
    shell("apply", "--auto-approve")
    shell("plan", "--out", "plan.json")
    assert [shell("apply", "plan.json").status for _ in range(2)] == [0, 0]


@USUAL
def test_the_same_decisions_can_be_planned_and_applied_again_later(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    shell("apply", "plan.json")
    shell.write(MANIFEST.replace("keys:", "limits: {deletes: 9}\nkeys: []\nx:").split("x:", maxsplit=1)[0])
    assert shell("apply", "--auto-approve", "--allow-deletes", "2").status == 0
    shell.write()
    shell("plan", "--out", "again.json")
    assert shell("apply", "again.json").status == 0


@USUAL
def test_a_stale_plan_is_refused_with_the_difference(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    shell.write(RENAMED)
    done = shell("apply", "plan.json")
    assert done.status == 4
    assert 'user/ci: after.description was "", is now "new"' in done.err
    assert count_keys(shell) == 0


@USUAL
def test_a_long_difference_is_cut(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    more = "".join(f"  - {{name: more-{number}, key_type: user}}\n" for number in range(8))
    shell.write(MANIFEST + more)
    assert "; and 3 more\n" in shell("apply", "plan.json").err


@USUAL
def test_a_saved_plan_is_planned_again_with_what_was_asked(shell: Shell) -> None:
    shell("plan", "--target", "user/ci", "--out", "plan.json")
    assert shell("apply", "plan.json").status == 0
    assert count_keys(shell) == 1


@USUAL
def test_a_saved_plan_takes_no_further_wishes(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    done = shell("apply", "plan.json", "--target", "user/ci")
    assert done.status == 3
    assert "a plan file says already what was asked for" in done.err


@USUAL
def test_a_saved_plan_finds_a_manifest_that_moved(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    (shell.folder / "keys.yaml").rename(shell.folder / "moved.yaml")
    assert shell("apply", "plan.json").status == 3
    assert shell("apply", "plan.json", "--manifest", "moved.yaml").status == 0


@USUAL
def test_a_manifest_option_beside_a_manifest_is_refused(shell: Shell) -> None:
    assert shell("apply", "keys.yaml", "--manifest", "keys.yaml", "--auto-approve").status == 3


@USUAL
def test_a_plan_that_was_edited_is_refused(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    text = (shell.folder / "plan.json").read_text()
    shell.write(text.replace('"verb": "create"', '"verb": "delete"', 1), "plan.json")
    done = shell("apply", "plan.json")
    assert done.status == 3
    assert "plan.json was changed after it was made" in done.err


@USUAL
@pytest.mark.parametrize(
    ("effect", "status"),
    [
        pytest.param("provider.create", 5, id="the provider fails"),
        pytest.param("sink.intend:local", 6, id="the sink fails"),
    ],
)
def test_the_status_is_that_of_the_first_failure(shell: Shell, effect: str, status: int) -> None:
    for _ in range(20):
        shell.world.effects.inject(Fault.ERROR, effect)
    done = shell("apply", "--auto-approve")
    assert done.status == status
    assert done.out.splitlines()[-1].startswith("Apply incomplete. Resources: ")


@USUAL
def test_a_blocked_action_leaves_the_others_alone_and_ends_with_4(shell: Shell) -> None:
    shell.write(MANIFEST.replace("{name: ci,", "{name: ci, protect: true,"))
    shell("apply", "--auto-approve")
    shell.write(MANIFEST.replace("{name: ci,", "{name: ci, protect: true, expires_in: 9d,"))
    done = shell("apply", "--auto-approve")
    assert done.status == 4
    assert done.out.endswith("Apply complete! Resources: 0 added, 0 changed, 0 destroyed. 1 blocked.\n")
    assert done.err == "1 action blocked: what to do about it stands in the plan.\n"


@USUAL
def test_the_lock_is_held_meanwhile_and_free_afterwards(shell: Shell) -> None:
    seen = []
    act = shell.world.provider.create
    shell.world.provider.create = lambda *a, **k: (seen.append(shell.world.ledger.held), act(*a, **k))[1]  # type: ignore[method-assign]  # stands in for the method
    shell("apply", "--auto-approve")
    assert [holder.command for holder in seen if holder] == ["apply", "apply"]
    assert shell.world.ledger.held is None


@USUAL
def test_a_lock_of_somebody_else_is_7_after_the_timeout(shell: Shell) -> None:
    holder = shell.wiring.holder("apply")
    # Simulated time passes without the renewals of a holder that lives.
    with shell.world.ledger.lock(holder, patience=timedelta(0), lease=timedelta(minutes=5)):
        before = shell.world.clock.now()
        assert shell("apply", "--auto-approve", "--lock-timeout", "1m").status == 7
    assert shell.world.clock.now() - before == timedelta(minutes=1)
