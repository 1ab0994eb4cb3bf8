"""Several manifests in one run: planned and applied at the same time, approved and concluded as one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.shell import MANIFEST, Shell
from simulator import World

from keyplan.app.exit_codes import combine_statuses
from keyplan.simulated.effects import EffectFault as Fault

BOTH = ("envs/prod/keys.yaml", "envs/test/keys.yaml")
ONE_KEY = """\
version: 1
owner: {owner}
id: k2
sinks: {{local: {{type: file, path: keys.txt}}}}
defaults: {{sink: local}}
keys: [{{name: ci, key_type: user}}]
"""


@pytest.fixture
def envs(shell: Shell) -> Shell:
    """Return a shell with a manifest of two keys for prod and of one for test, each in a world of its own."""
    for owner, text in (("prod", MANIFEST.replace("ml-platform", "prod")), ("test", ONE_KEY.format(owner="test"))):
        (shell.folder / "envs" / owner).mkdir(parents=True)
        shell.write(text, f"envs/{owner}/keys.yaml")
        shell.wiring.others[owner] = World()
    return shell


def test_a_folder_stands_for_every_manifest_below_it(envs: Shell) -> None:
    planned = envs("plan", "envs")
    assert planned.status == 0
    assert [name in planned.out for name in BOTH] == [True, True]
    assert planned.out.splitlines()[-1] == "Plan: 3 to add, 0 to change, 0 to destroy."


def test_the_order_of_a_folder_is_that_of_names_and_each_manifest_comes_once(envs: Shell) -> None:
    planned = envs("plan", "envs", BOTH[0], "--format", "json")
    assert [plan["manifest"] for plan in json.loads(planned.out)["plans"]] == list(BOTH)


def test_what_is_no_manifest_in_a_hidden_folder_is_named_and_skipped(envs: Shell) -> None:
    (envs.folder / "envs" / ".old").mkdir()
    envs.write("not: a manifest", "envs/.old/keys.yaml")
    planned = envs("plan", "envs")
    assert (planned.status, "envs/.old/keys.yaml is not a keyplan manifest" in planned.err) == (0, True)


def test_a_folder_without_manifests_is_3(shell: Shell) -> None:
    planned = shell("plan", ".")
    assert (planned.status, planned.out) == (3, "")
    assert "no manifest in .: neither keys.yaml nor keyplan.yaml is in it or below it" in planned.err


def test_one_apply_does_both(envs: Shell) -> None:
    applied = envs("apply", *BOTH, "--auto-approve")
    assert (applied.status, applied.err) == (0, "")
    assert applied.out.splitlines()[-1] == "Apply complete! Resources: 3 added, 0 changed, 0 destroyed."
    assert envs("plan", "envs", "--detailed-exitcode").status == 0


def test_the_plans_of_all_are_saved_and_applied_as_one(envs: Shell) -> None:
    assert envs("plan", "envs", "--out", "plan.json").status == 0
    shown = envs("show", "plan.json")
    assert shown.out == envs("plan", "envs").out
    assert envs("apply", "plan.json").status == 0
    assert envs("apply", "plan.json").status == 4


def test_one_digest_stands_for_all(envs: Shell) -> None:
    digest = json.loads(envs("plan", "envs", "--format", "json").out)["digest"]
    assert f"Digest of all: {digest[:12]}\n" in envs("plan", "envs").out
    assert envs("apply", "envs", "--expect", "0" * 64).status == 4
    assert envs("apply", "envs", "--expect", digest).status == 0


def test_what_differs_in_one_of_them_changes_the_digest_and_stops_all(envs: Shell) -> None:
    envs("plan", "envs", "--out", "plan.json")
    assert envs("apply", BOTH[1], "--auto-approve").status == 0
    refused = envs("apply", "plan.json")
    assert (refused.status, envs.wiring.others["prod"].provider.live()) == (4, ())


def test_one_that_cannot_be_planned_is_told_beside_the_plans_of_the_others(envs: Shell) -> None:
    envs.wiring.others["prod"].effects.inject(Fault.ERROR, "provider.list_keys", times=9)
    planned = envs("plan", "envs", "--out", "plan.json")
    assert planned.status == 5
    assert "envs/test/keys.yaml" in planned.out
    assert "envs/prod/keys.yaml: error: provider.list_keys" in planned.err
    assert not (envs.folder / "plan.json").exists()


def test_nothing_is_applied_unless_all_could_be_planned(envs: Shell) -> None:
    envs.wiring.others["prod"].effects.inject(Fault.ERROR, "provider.list_keys", times=9)
    applied = envs("apply", "envs", "--auto-approve")
    assert (applied.status, applied.out) == (5, "")
    assert envs.wiring.others["test"].provider.live() == ()


def test_the_problems_of_all_manifests_come_at_once(envs: Shell) -> None:
    for name in BOTH:
        envs.write("version: 7\n", name)
    planned = envs("plan", "envs")
    assert planned.status == 3
    assert [f"{name}:1:10" in planned.err for name in BOTH] == [True, True]


def test_two_manifests_of_one_owner_are_refused_if_no_ids_tell_them_apart(envs: Shell) -> None:
    envs.write(ONE_KEY.format(owner="prod").replace("id: k2\n", ""), BOTH[1])
    refused = envs("plan", "envs")
    assert refused.status == 3
    assert "have the same owner at the same provider, and no different ids" in refused.err


@pytest.mark.parametrize("options", [[], ["--ledger", "one.db"]], ids=["one folder", "one ledger named for both"])
def test_two_manifests_with_one_ledger_are_refused(envs: Shell, options: list[str]) -> None:
    envs.write(ONE_KEY.format(owner="beside"), "envs/prod/beside.yaml")
    refused = envs("plan", *(["envs/prod/keys.yaml", "envs/prod/beside.yaml"] if not options else ["envs"]), *options)
    assert refused.status == 3
    assert "would share the ledger" in refused.err


def test_validate_tells_of_manifests_that_cannot_be_planned_together(envs: Shell) -> None:
    envs.write(ONE_KEY.format(owner="prod").replace("id: k2\n", ""), BOTH[1])
    for command in ("validate", "plan"):
        refused = envs(command, "envs")
        assert (refused.status, refused.out) == (3, "envs/prod/keys.yaml is valid: 2 keys.\n" * (command == "validate"))
        assert f"{BOTH[1]}:1:1: {BOTH[0]} and {BOTH[1]} have the same owner" in refused.err
    assert [envs("validate", name).status for name in BOTH] == [0, 0]


def test_a_plan_of_several_manifests_cannot_be_moved_to_another(envs: Shell) -> None:
    envs("plan", "envs", "--out", "plan.json")
    refused = envs("apply", "plan.json", "--manifest", BOTH[0])
    assert (refused.status, "--manifest goes with the plan of one manifest" in refused.err) == (3, True)


def test_a_set_of_plans_that_was_edited_is_refused(envs: Shell) -> None:
    envs("plan", "envs", "--out", "plan.json")
    document = json.loads((envs.folder / "plan.json").read_text())
    document["plans"].pop()
    envs.write(json.dumps(document), "plan.json")
    assert "has another digest" in envs("show", "plan.json").err


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        pytest.param([], 0, id="nothing at all"),
        pytest.param([0, 2, 0], 2, id="one differs"),
        pytest.param([2, 4, 0], 4, id="one is blocked"),
        pytest.param([4, 6, 5], 6, id="the first failure wins over what is blocked"),
        pytest.param([5, 143], 143, id="a signal wins over all"),
    ],
)
def test_one_status_stands_for_all(statuses: list[int], status: int) -> None:
    assert combine_statuses(statuses) == status


def test_paths_with_spaces_can_stand_in_the_environment(shell: Shell) -> None:
    folder = Path("two words")
    (shell.folder / folder).mkdir()
    shell.write(MANIFEST, str(folder / "keys.yaml"))
    shell.environment["KEYPLAN_MANIFEST"] = str(folder / "keys.yaml")
    assert shell("plan").status == 0


def test_one_drift_looks_at_all(envs: Shell) -> None:
    assert envs("apply", "envs", "--auto-approve").status == 0
    calm = envs("drift", "envs")
    assert (calm.status, calm.out.splitlines()[-1]) == (0, "No drift. Nothing needs to be done.")
    (victim,) = envs.wiring.others["test"].provider.live()
    envs.wiring.others["test"].provider.person_deletes(victim.id)
    found = envs("drift", "envs")
    assert (found.status, found.out.splitlines()[-1]) == (2, "Drift: 1 drifted.")
    assert json.loads(envs("drift", "envs", "--format", "json").out)["alarms"] == 1


def test_one_that_cannot_be_looked_at_is_told_beside_the_others(envs: Shell) -> None:
    envs.wiring.others["prod"].effects.inject(Fault.ERROR, "provider.list_keys", times=9)
    found = envs("drift", "envs", "--format", "junit", "--metrics-file", "keyplan.prom")
    assert (found.status, "envs/prod/keys.yaml: error: " in found.err) == (5, True)
    assert [name in found.out for name in BOTH] == [True, True]
    assert 'owner="test"' in (envs.folder / "keyplan.prom").read_text()


def test_one_ledger_under_two_names_is_one_ledger(envs: Shell) -> None:
    (envs.folder / "again").symlink_to("envs/prod")
    envs.write(ONE_KEY.format(owner="beside"), "envs/prod/beside.yaml")
    refused = envs("plan", "envs/prod/keys.yaml", "again/beside.yaml")
    assert (refused.status, "would share the ledger" in refused.err) == (3, True)


@pytest.mark.parametrize("pattern", ["envs/*/keys.yaml", "envs/*", "**/keys.yaml"])
def test_a_pattern_that_no_shell_expanded_stands_for_what_fits_it(envs: Shell, pattern: str) -> None:
    envs.environment["KEYPLAN_MANIFEST"] = pattern
    planned = envs("plan", "--format", "json")
    assert [plan["manifest"] for plan in json.loads(planned.out)["plans"]] == list(BOTH)


def test_a_pattern_that_nothing_fits_is_3(envs: Shell) -> None:
    planned = envs("plan", "none/*.yaml")
    assert (planned.status, "none/*.yaml does not exist" in planned.err) == (3, True)


@pytest.mark.parametrize("command", [["plan"], ["drift"]], ids=["plan", "drift"])
def test_json_says_that_one_is_missing(envs: Shell, command: list[str]) -> None:
    envs.wiring.others["prod"].effects.inject(Fault.ERROR, "provider.list_keys", times=9)
    document = json.loads(envs(*command, "envs", "--format", "json").out)
    assert [(error["manifest"], error["exit_status"]) for error in document["errors"]] == [(BOTH[0], 5)]
    assert [part["manifest"] for part in document[f"{command[0]}s"]] == [BOTH[1]]


def test_the_plans_of_a_part_cannot_be_applied(envs: Shell) -> None:
    envs.wiring.others["prod"].effects.inject(Fault.ERROR, "provider.list_keys", times=9)
    envs("plan", "envs", "--format", "json=part.json")
    refused = envs("apply", "part.json")
    assert (refused.status, "some manifests could not be planned" in refused.err) == (3, True)


def test_two_manifests_of_one_owner_with_ids_of_their_own_are_planned_together(envs: Shell) -> None:
    envs.write(ONE_KEY.format(owner="prod"), BOTH[1])
    done = envs("plan", "envs")
    assert (done.status, done.out.splitlines()[-1]) == (0, "Plan: 3 to add, 0 to change, 0 to destroy.")


def test_two_manifests_of_one_owner_are_found_out_however_they_spell_the_provider(envs: Shell) -> None:
    envs.write(ONE_KEY.format(owner="prod").replace("id: k2\n", "") + "provider: {api: beta}\n", BOTH[1])
    for command in ("plan", "drift"):
        refused = envs(command, "envs")
        assert (refused.status, "have the same owner" in refused.err) == (3, True)


def test_the_same_owner_with_another_credential_is_another_account(envs: Shell) -> None:
    envs.write(ONE_KEY.format(owner="prod") + "provider: {credential: {env: OTHER}}\n", BOTH[1])
    assert envs("plan", "envs").status == 0


@pytest.mark.parametrize("debug", ["1", "0"])
def test_debugging_shows_the_way_to_a_bug_in_one_of_several(envs: Shell, debug: str) -> None:
    def list_keys(*_: object) -> None:
        raise TypeError("canary")

    envs.wiring.others["test"].provider.list_keys = list_keys  # type: ignore[assignment,method-assign]  # stands in for it
    envs.environment["KEYPLAN_DEBUG"] = debug
    planned = envs("plan", *BOTH)
    assert planned.status == 1
    assert "envs/test/keys.yaml: error: this is a bug in keyplan: TypeError at " in planned.err
    assert planned.err.count(" in list_keys\nTypeError") == int(debug)
    assert "canary" not in planned.out + planned.err
