"""The way in: exit statuses, misuse, failures that nobody foresaw."""

from __future__ import annotations

import atexit
import io
import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cli.shell import MANIFEST, Shell
from syrupy.assertion import SnapshotAssertion

from keyplan.cli.main import COMMANDS, cli, main, notify, run
from keyplan.errors import (
    InDoubtError,
    KeyplanError,
    LedgerForeignError,
    LedgerLockedError,
    PlanSpentError,
    ProviderDeniedError,
    ProviderRefusedError,
    SinkUnavailableError,
)

SECRET = "ak-very-secret"


def fail_with(shell: Shell, error: BaseException) -> None:
    """Let the next thing that a command asks of its wiring fail."""

    def provider(*_: object, **__: object) -> None:
        raise error

    shell.wiring.provider = provider  # type: ignore[assignment,method-assign]  # stands in for the method


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyplanError("m"), 1),
        (PlanSpentError("m"), 4),
        (ProviderDeniedError("m"), 5),
        (ProviderRefusedError("m", status=404), 5),
        (InDoubtError("m"), 5),
        (SinkUnavailableError("m"), 6),
        (LedgerLockedError("m"), 7),
        (LedgerForeignError("m"), 7),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_failure_has_its_status_and_one_line(shell: Shell, error: BaseException, status: int) -> None:
    fail_with(shell, error)
    done = shell("plan")
    assert (done.status, done.out) == (status, "")
    assert re.fullmatch(r"\n?error: \w+\n", done.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["plan", "--frobnicate"],
        ["show", "a", "b"],
        ["plan", "--format", "xml"],
        ["plan", "--allow-deletes", "-1"],
        ["apply", "--parallelism", "0"],
        ["apply", "--lock-timeout", "soon"],
        ["show"],
        ["schema", "nothing"],
        ["completion", "cmd"],
        ["ledger", "burn"],
    ],
    ids=" ".join,
)
def test_misuse_is_64_and_never_2(shell: Shell, arguments: list[str]) -> None:
    done = shell(*arguments)
    assert (done.status, done.out) == (64, "")
    assert re.fullmatch(r"error: .+\n  hint: keyplan.* --help\n", done.err)


def test_a_mistyped_apply_is_not_answered_with_apply(shell: Shell) -> None:
    done = shell("aply")
    assert (done.status, done.err) == (
        64,
        "error: No such command 'aply'.\n  hint: keyplan --help\n",
    )


@pytest.mark.parametrize("arguments", [[], ["ledger"]])
def test_no_command_at_all_shows_the_help_as_misuse(shell: Shell, arguments: list[str]) -> None:
    done = shell(*arguments)
    assert (done.status, done.out) == (64, "")
    assert done.err.startswith("Usage: keyplan")


NAMES = ["", *COMMANDS, "ledger show", "ledger history", "ledger unlock"]


@pytest.mark.parametrize("name", NAMES)
def test_the_help_reads_like_this(
    shell: Shell,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    snapshot: SnapshotAssertion,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert shell(*name.split(), "--help").status == 0
    assert capsys.readouterr().out == snapshot


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command
    assert command.help
    assert command.help.splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_has_an_example(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command
    assert command.help
    assert "Example" in command.help


def options_of(command: click.Command) -> list[click.Parameter]:
    inner = command.commands.values() if isinstance(command, click.Group) else [command]
    return [parameter for one in inner for parameter in one.params if isinstance(parameter, click.Option)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_an_environment_form(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command
    for option in options_of(command):
        assert isinstance(option.envvar, str), option.name
        assert option.envvar.startswith("KEYPLAN_")


class Unforeseen(Exception):  # noqa: N818 - the name is shown
    """A failure whose message must never be shown."""


def unforeseen() -> Unforeseen:
    """Return a failure that another one led to, both with a secret in their words."""
    try:
        int(SECRET)
    except ValueError as error:
        failure = Unforeseen(SECRET)
        failure.__cause__ = error
        return failure
    raise AssertionError


@pytest.mark.usefixtures("manifest")
def test_a_bug_is_one_line_without_what_its_exception_says(shell: Shell) -> None:
    fail_with(shell, unforeseen())
    done = shell("plan")
    assert done.status == 1
    assert re.match(r"error: this is a bug in keyplan: Unforeseen at \S+\.py:\d+\n  hint: please report it", done.err)
    assert SECRET not in done.err
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("manifest")
def test_debugging_shows_the_way_to_a_bug_but_neither_message_nor_values(shell: Shell) -> None:
    shell.environment["KEYPLAN_DEBUG"] = "1"
    fail_with(shell, unforeseen())
    done = shell("plan")
    assert "in fail_with" not in done.err
    assert re.search(r"\S+\.py:\d+ in unforeseen\nValueError\n", done.err)
    assert done.err.endswith("in provider\nUnforeseen\n")
    assert SECRET not in done.err


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("debug", ["1", "0"])
def test_debugging_shows_the_way_to_a_bug_of_a_single_key_too(shell: Shell, debug: str) -> None:
    def create(*_: object, **__: object) -> None:
        raise unforeseen()

    shell.world.provider.create = create  # type: ignore[assignment,method-assign]  # stands in for the method
    shell.environment["KEYPLAN_DEBUG"] = debug
    done = shell("apply", "--auto-approve")
    assert "this is a bug in keyplan: Unforeseen at " in done.out
    assert done.err.count(" in create\nUnforeseen\n") == (2 if debug == "1" else 0)
    assert SECRET not in done.out + done.err


class Full(io.StringIO):
    """A stream on a disk without space."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, _text: str) -> int:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        pytest.param(BrokenPipeError(32, "Broken pipe"), 0, "", id="nobody reads on: no failure"),
        pytest.param(
            OSError(28, "No space left on device"),
            1,
            "error: the output cannot be written: No space left on device\n",
            id="full",
        ),
        pytest.param(ValueError("closed"), 1, "error: the output cannot be written: it is closed\n", id="closed"),
    ],
)
def test_an_output_that_cannot_be_written(shell: Shell, error: Exception, status: int, told: str) -> None:
    err = io.StringIO()
    session = shell.session(stdin=io.StringIO(), out=Full(error), err=err)
    assert run(["version"], session) == status
    assert err.getvalue() == told


def test_a_broken_pipe_does_not_stop_an_apply(shell: Shell, manifest: Path) -> None:
    session = shell.session(stdin=io.StringIO(), out=Full(BrokenPipeError()), err=io.StringIO())
    assert run(["apply", manifest.name, "--auto-approve"], session) == 0
    assert len(shell.world.sinks["local"].values()) == 2


def test_a_failed_apply_keeps_its_status_when_the_report_cannot_be_written(shell: Shell) -> None:
    session = shell.session(stdin=io.StringIO(), out=Full(OSError(28, "full")), err=io.StringIO())
    shell.write(MANIFEST)
    shell.world.sinks["local"].writable = False
    assert run(["apply", "--auto-approve"], session) == 6


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_while_planning_ends_at_once_with_its_status(shell: Shell, number: int, status: int) -> None:
    session = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO())
    listing = shell.world.provider.find_scopes
    shell.world.provider.find_scopes = lambda names: (signal.raise_signal(number), listing(names))[1]  # type: ignore[method-assign,func-returns-value]  # stands in for the method
    with session.interrupts.installed():
        assert run(["plan"], session) == status


@pytest.mark.usefixtures("manifest")
def test_a_signal_while_applying_finishes_what_is_under_way(shell: Shell) -> None:
    out, err = io.StringIO(), io.StringIO()
    session = shell.session(stdin=io.StringIO(), out=out, err=err)
    create = shell.world.provider.create
    shell.world.provider.create = lambda *a, **k: (session.interrupts._receive(15, None), create(*a, **k))[1]  # type: ignore[method-assign,func-returns-value]  # stands in for the method
    assert run(["apply", "--auto-approve", "--parallelism", "1"], session) == 143
    assert "stopping: what is under way is finished first" in err.getvalue()
    assert "Stopped by SIGTERM." in out.getvalue()
    assert "1 added" in out.getvalue()
    assert len(shell.world.sinks["local"].values()) == 1


def test_the_module_runs_the_process_s_own_command_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(sys, "argv", ["keyplan", "version"])
    monkeypatch.setattr(atexit, "_run_exitfuncs", lambda: ended.append(-1))
    monkeypatch.setattr(os, "_exit", ended.append)
    runpy.run_module("keyplan", run_name="__main__")
    assert ended == [-1, 0]
    assert capfd.readouterr().out.startswith("keyplan ")


@pytest.mark.parametrize(("arguments", "status"), [(["version"], 0), (["validate", "missing.yaml"], 3)])
def test_a_process_does_what_is_registered_for_its_end(tmp_path: Path, arguments: list[str], status: int) -> None:
    script = """
import atexit, pathlib, sys
from keyplan.__main__ import main
atexit.register(pathlib.Path("done").touch)
main()
"""
    command = [sys.executable, "-c", script, *arguments]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False).returncode == status
    assert (tmp_path / "done").exists()


def test_streams_that_are_not_there_are_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["keyplan", "version"])
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0


def test_an_interrupted_process_does_not_wait_for_its_threads() -> None:
    script = """
import threading
from keyplan.cli.main import leave
threading.Thread(target=threading.Event().wait).start()
leave(143)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 143


def test_a_manifest_on_standard_input_is_read(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["keyplan", "validate", "-"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MANIFEST.encode())))
    with pytest.raises(SystemExit):
        main()
    assert capfd.readouterr().out == "- is valid: 2 keys.\n"


def test_a_closed_standard_input_is_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["keyplan", "validate", "-"])
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert capfd.readouterr().err.startswith("-:1:1: ")


def test_a_name_that_the_terminal_cannot_show_is_no_failure(tmp_path: Path) -> None:
    environment = {"PYTHONIOENCODING": "ascii", "PATH": ""}
    command = [sys.executable, "-m", "keyplan", "validate", "schlüssel.yaml"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith(b"error: schl\\xfcssel.yaml does not exist\n")


def test_a_notice_from_a_signal_handler_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    notify("stopping\n")
    assert capfd.readouterr().err == "stopping\n"


@pytest.mark.parametrize(
    ("typed", "word"), [("keyplan pl", "plan"), ("keyplan plan --detailed", "--detailed-exitcode")]
)
def test_a_shell_completes_words(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, word: str
) -> None:
    monkeypatch.setenv("_KEYPLAN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    with pytest.raises(SystemExit):
        shell()
    assert capsys.readouterr().out == f"plain,{word}\n"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        pytest.param(["plan", "-out", "plan.json"], "long options have two dashes: --out", id="as Terraform has it"),
        pytest.param(["apply", "-auto-approve"], "long options have two dashes: --auto-approve", id="a flag"),
        pytest.param(["plan", "-format=json"], "long options have two dashes: --format", id="with a value"),
        pytest.param(["plan", "-x"], "keyplan plan --help", id="nothing that is known"),
    ],
)
def test_one_dash_for_two_is_recognised(shell: Shell, arguments: list[str], hint: str) -> None:
    done = shell(*arguments)
    assert (done.status, done.err.endswith(f"  hint: {hint}\n")) == (64, True)
