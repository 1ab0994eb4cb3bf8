"""Where answers go: several formats at once, files, and what a GitHub runner is told."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from cli.shell import MANIFEST, Shell

from keyplan.simulated.effects import EffectFault as Fault

USUAL = pytest.mark.usefixtures("manifest")
WITH_A_BLOCKED_KEY = f"{MANIFEST}  - {{name: late, key_type: user, expires_at: 2020-01-01T00:00:00Z}}\n"
CI_FORMATS = ("markdown", "github", "gitlab", "junit", "sarif")


@pytest.fixture
def runner(shell: Shell, manifest: Path) -> Shell:
    """Return a shell inside a GitHub runner, with the usual manifest."""
    shell.environment |= {
        "GITHUB_STEP_SUMMARY": str(shell.folder / "summary.md"),
        "GITHUB_OUTPUT": str(shell.folder / "output.txt"),
    }
    return shell


def read_outputs(shell: Shell) -> dict[str, str]:
    """Return what the runner would read from $GITHUB_OUTPUT."""
    lines = iter((shell.folder / "output.txt").read_text().splitlines())
    outputs = {}
    for line in lines:
        name, is_long, delimiter = line.partition("<<")
        if is_long:
            outputs[name] = "\n".join(iter(lambda: next(lines), delimiter))
        else:
            name, _, value = line.partition("=")
            outputs[name] = value
    return outputs


@USUAL
def test_one_format_can_go_to_standard_output_and_others_to_files(shell: Shell) -> None:
    files = [f"--format={name}={name}.out" for name in CI_FORMATS]
    done = shell("plan", "--format", "text", *files)
    assert done.out == shell("plan").out
    written = {name: (shell.folder / f"{name}.out").read_text() for name in CI_FORMATS}
    # A plan with nothing for a reviewer to do has no annotation.
    assert [name for name, text in written.items() if not text] == ["github"]


def test_a_file_of_a_former_run_does_not_outlive_an_empty_answer(shell: Shell) -> None:
    shell.write(WITH_A_BLOCKED_KEY)
    shell("plan", "--format", "github=annotations.txt")
    assert (shell.folder / "annotations.txt").read_text().startswith("::error")
    shell.write()
    shell("plan", "--format", "github=annotations.txt")
    assert (shell.folder / "annotations.txt").read_text() == ""


@USUAL
def test_a_file_is_readable_by_its_owner_alone_and_has_no_colours(shell: Shell) -> None:
    shell.environment["FORCE_COLOR"] = "1"
    shell("plan", "--format", "text=plan.txt")
    path = shell.folder / "plan.txt"
    assert (path.stat().st_mode & 0o777, "\x1b" in path.read_text()) == (0o600, False)


@USUAL
def test_nothing_goes_to_standard_output_where_all_goes_to_files(shell: Shell) -> None:
    assert shell("plan", "--format", "json=plan.json").out == ""
    assert json.loads((shell.folder / "plan.json").read_text())["owner"] == "ml-platform"


def lose_folder(shell: Shell, name: str) -> None:
    """Make a folder that is there when a run begins, and gone when the run has asked for anything."""
    (shell.folder / name).mkdir()
    shell.world.effects.tick = lambda: shutil.rmtree(shell.folder / name, ignore_errors=True)


@USUAL
@pytest.mark.parametrize(
    ("formats", "message"),
    [
        pytest.param(["text", "json"], "only one format can go to standard output", id="two documents in one stream"),
        pytest.param(["yaml"], "'yaml' is not one of text, json", id="an unknown format"),
        pytest.param(["json="], "'json=' names no file after the =", id="a file without a name"),
    ],
)
def test_a_misused_format_is_64(shell: Shell, formats: list[str], message: str) -> None:
    done = shell("plan", *(f"--format={name}" for name in formats))
    assert (done.status, message in done.err) == (64, True)


@USUAL
def test_a_file_that_cannot_be_written_is_3(shell: Shell) -> None:
    done = shell("plan", "--format", "json=none/plan.json")
    assert (done.status, "cannot be written" in done.err) == (3, True)


@USUAL
def test_formats_can_stand_in_the_environment(shell: Shell) -> None:
    shell.environment["KEYPLAN_FORMAT"] = "json markdown=plan.md"
    assert json.loads(shell("plan").out)["summary"]["add"] == 2
    assert (shell.folder / "plan.md").exists()


def test_annotations_go_beside_what_a_program_reads(shell: Shell) -> None:
    shell.write(WITH_A_BLOCKED_KEY)
    alone, beside = shell("plan", "--format", "github"), shell("plan", "--format", "json", "--format", "github")
    assert alone.out.startswith("::")
    assert json.loads(beside.out)
    assert alone.out in beside.err


@USUAL
def test_markdown_can_be_bounded(shell: Shell) -> None:
    done = shell("plan", "--format", "markdown", "--markdown-bytes", "1024")
    assert 0 < len(done.out.encode()) <= 1024


@USUAL
def test_a_saved_plan_is_shown_in_every_format(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    for name in ("text", "json", *CI_FORMATS):
        assert shell("show", "plan.json", "--format", name).out == shell("plan", "--format", name).out


def test_a_runner_gets_the_outputs_of_a_plan(runner: Shell) -> None:
    done = runner("plan", "--format", "github", "--out", "plan.json", "--detailed-exitcode")
    outputs = read_outputs(runner)
    digest = json.loads((runner.folder / "plan.json").read_text())["digest"]
    assert outputs == {
        "exitcode": str(done.status),
        "has_changes": "true",
        "add": "2",
        "change": "0",
        "destroy": "0",
        "digest": digest,
        "plan_path": "plan.json",
    }
    assert "2 to add" in (runner.folder / "summary.md").read_text()


def test_a_runner_gets_the_outputs_of_an_apply(runner: Shell) -> None:
    assert runner("apply", "--auto-approve", "--format", "github").status == 0
    outputs = read_outputs(runner)
    assert (outputs["exitcode"], outputs["add"], outputs["has_changes"]) == ("0", "2", "true")


@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"]], ids=["plan", "apply"])
def test_a_runner_hears_of_a_failure(runner: Shell, command: list[str]) -> None:
    runner.world.effects.inject(Fault.ERROR, "provider.list_keys", times=9)
    done = runner(*command, "--format", "github")
    assert (done.status, read_outputs(runner)["exitcode"]) == (5, "5")
    assert done.out.startswith("::error ")
    assert done.err.startswith("error: ")


def test_a_runner_hears_of_a_manifest_with_mistakes(runner: Shell) -> None:
    runner.write("version: 7\n")
    done = runner("plan", "--format", "github")
    assert (done.status, read_outputs(runner)["exitcode"]) == (3, "3")
    assert done.out.startswith("::error ")


def test_a_runner_hears_of_a_refusal(runner: Shell) -> None:
    done = runner("apply", "--format", "github")
    assert (done.status, read_outputs(runner)["exitcode"]) == (4, "4")


def test_a_file_of_the_runner_that_cannot_be_written_is_3(runner: Shell) -> None:
    runner.environment["GITHUB_OUTPUT"] = str(runner.folder)
    done = runner("plan", "--format", "github")
    assert (done.status, "the file of $GITHUB_OUTPUT cannot be written" in done.err) == (3, True)


@USUAL
def test_outside_a_runner_nothing_is_written(shell: Shell) -> None:
    before = sorted(shell.folder.iterdir())
    assert shell("plan", "--format", "github").status == 0
    assert sorted(shell.folder.iterdir()) == before


@USUAL
@pytest.mark.parametrize(
    ("command", "status"),
    [
        pytest.param(["plan"], 3, id="plan"),
        pytest.param(["apply", "--auto-approve"], 3, id="apply"),
        pytest.param(["validate"], 3, id="validate"),
        pytest.param(["drift"], 3, id="drift"),
    ],
)
def test_a_file_that_cannot_be_written_keeps_no_other_answer_back(
    shell: Shell, command: list[str], status: int
) -> None:
    if command != ["validate"]:  # which asks for nothing meanwhile
        lose_folder(shell, "none")
    done = shell(*command, "--format", "json=none/it.json", "--format", "text", "--format", "junit=it.xml")
    assert (done.status, done.err.count("cannot be written"), bool(done.out)) == (status, 1, True)
    assert (shell.folder / "it.xml").read_text()


@USUAL
def test_what_was_done_is_told_where_one_file_of_the_report_cannot_be_written(shell: Shell) -> None:
    lose_folder(shell, "none")
    done = shell("apply", "--auto-approve", "--format", "json=none/it.json", "--format", "text")
    assert done.out.endswith("Apply complete! Resources: 2 added, 0 changed, 0 destroyed.\n")


@USUAL
def test_a_failure_counts_more_than_a_file_that_cannot_be_written(shell: Shell) -> None:
    lose_folder(shell, "none")
    shell.world.effects.inject(Fault.ERROR, "provider.list_keys", times=9)
    done = shell("plan", "--format", "json=none/it.json", "--format", "junit=none/it.xml")
    assert (done.status, "provider.list_keys" in done.err) == (5, True)


@USUAL
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["plan", "--format=json=keys.yaml"], id="the manifest that is found"),
        pytest.param(["plan", "it.yaml", "--format=json=it.yaml"], id="the manifest that is named"),
        pytest.param(["plan", ".", "--format=json=envs/keyplan.yaml"], id="a manifest that a folder may hold"),
        pytest.param(["plan", "--out=it", "--format=json=it"], id="the saved plan"),
        pytest.param(["plan", "--format=json=it", "--format=sarif=./it"], id="another answer"),
        pytest.param(["plan", "--policy=it.yaml", "--format=json=link"], id="a policy, through a link"),
        pytest.param(["validate", "it.yaml", "--format=junit=it.yaml"], id="what is validated"),
        pytest.param(["show", "it.yaml", "--format=markdown=it.yaml"], id="what is shown"),
        pytest.param(["drift", "--metrics-file=it", "--format=json=it"], id="metrics"),
        pytest.param(["apply", "it.yaml", "--auto-approve", "--json-lines=it.yaml"], id="events"),
        pytest.param(["rotate", "user/ci", "--auto-approve", "--format=json=keys.yaml"], id="rotate"),
    ],
)
def test_no_answer_takes_the_place_of_what_is_read_or_written(shell: Shell, arguments: list[str]) -> None:
    shell.write("version: 1\n", "it.yaml")
    (shell.folder / "link").symlink_to("it.yaml")
    done = shell(*arguments)
    assert (done.status, "would be overwritten" in done.err) == (64, True)
    assert (shell.folder / "it.yaml").read_text() == "version: 1\n"


def test_a_runner_is_told_beside_events_on_standard_output(runner: Shell) -> None:
    runner.world.effects.inject(Fault.ERROR, "provider.create", times=9)
    done = runner("apply", "--auto-approve", "--json-lines", "-", "--format", "github")
    assert (read_outputs(runner)["exitcode"], "::error" in done.err) == ("5", True)
    assert all(json.loads(line) for line in done.out.splitlines())


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_a_page_for_a_browser_goes_into_a_file(shell: Shell, command: str) -> None:
    shell.write()
    done = shell(command, "--format", "html=page.html")
    assert done.out == ""
    page = shell.folder / "page.html"
    assert page.stat().st_mode & 0o777 == 0o600
    assert "user/ci" in page.read_text()
    assert "As of " in page.read_text()


def test_a_page_of_a_failure_says_what_failed(shell: Shell) -> None:
    shell.write("version: 7\n")
    assert shell("plan", "--format", "html=page.html").status == 3
    assert "keys.yaml" in (shell.folder / "page.html").read_text()


@pytest.mark.parametrize("command", [["plan"], ["drift"], ["apply", "--auto-approve"]], ids=["plan", "drift", "apply"])
def test_without_the_extra_a_page_is_refused_before_anything_is_done(
    shell: Shell, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "htpy", None)
    shell.write()
    done = shell(*command, "--format", "html=page.html")
    assert (done.status, done.out) == (3, "")
    assert "pip install 'keyplan[report]'" in done.err
    assert not shell.world.provider.records
    assert not (shell.folder / "page.html").exists()
