"""The scripts in `action/`, each by itself: what they ask of keyplan and pip, what they refuse, how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pipelines.steps import ROOT, read_outputs

pytestmark = pytest.mark.processes

NAMES = ("COMMAND", "MANIFESTS", "POLICY", "EXPECT", "PLAN_FILE", "SARIF_FILE", "ARGS", "VERSION", "EXTRAS")
ECHO = 'printf "%s\\n" "$@"'
"""A keyplan that only tells what it was asked."""
PYTHON = """\
#!/usr/bin/env bash
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python3"; cp /bin/true "$3/bin/keyplan" ;;
  "-m pip") printf '%s\\n' "${*:6}" ;;
  *) exit "${OLD:-0}" ;;
esac
"""
Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return what a step of the action finds in its environment, every input empty."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").write_text(PYTHON)
    (programs / "python3").chmod(0o755)
    return {
        **{f"ACTION_{name}": "" for name in NAMES},
        "PATH": f"{programs}:{os.environ['PATH']}",
        "ACTION_KEYPLAN": str(tmp_path / "keyplan"),
        "ACTION_WORKING_DIRECTORY": str(tmp_path),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "RUNNER_TEMP": str(tmp_path),
    }


@pytest.fixture
def step(tmp_path: Path, environment: dict[str, str]) -> Script:
    """Return a function that runs a script of the action with inputs, and a keyplan made of a piece of bash."""

    def run(script: str, keyplan: str = ECHO, **inputs: str) -> subprocess.CompletedProcess[str]:
        write_keyplan(tmp_path, keyplan)
        given = {f"ACTION_{name.upper()}": value for name, value in inputs.items()}
        return subprocess.run(
            [ROOT / "action" / script],
            env={**environment, **given, "OLD": inputs.get("old", "0")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def write_keyplan(folder: Path, text: str) -> None:
    """Put a program named keyplan into a folder."""
    (folder / "keyplan").write_text(f"#!/usr/bin/env bash\n{text}\n")
    (folder / "keyplan").chmod(0o755)


def asked(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the arguments that keyplan got, without the formats that it always gets."""
    ordinary = ("--format=text", "--format=github", "--format=markdown=", "--markdown-bytes=")
    return [line for line in done.stdout.splitlines() if not line.startswith(ordinary)]


@pytest.mark.parametrize(
    ("inputs", "arguments"),
    [
        pytest.param({"command": "validate"}, ["validate", "--"], id="nothing but the command"),
        pytest.param(
            {"command": "plan", "manifests": "envs/a b\n\n  \nkeys.yaml\n", "plan_file": "plan.json"},
            ["plan", "--detailed-exitcode", "--out=plan.json", "--", "envs/a b", "keys.yaml"],
            id="a line each, blanks within them kept, blank lines left out",
        ),
        pytest.param(
            {"command": "apply", "expect": "abc", "args": "--allow-deletes=3\n--verbose"},
            ["apply", "--expect=abc", "--allow-deletes=3", "--verbose", "--"],
            id="further arguments",
        ),
        pytest.param({"command": "apply", "plan_file": "plan.json"}, ["apply", "--", "plan.json"], id="a saved plan"),
        pytest.param(
            {"command": "drift", "policy": "one.yaml\ntwo.yaml", "sarif_file": "k.sarif"},
            ["drift", "--format=sarif=k.sarif", "--policy=one.yaml", "--policy=two.yaml", "--"],
            id="policies and findings",
        ),
        pytest.param(
            {"command": "plan", "manifests": "$(touch pwned)\n; touch pwned\n--version\n*"},
            ["plan", "--detailed-exitcode", "--", "$(touch pwned)", "; touch pwned", "--version", "*"],
            id="names that look like programs, options or patterns stay names",
        ),
    ],
)
def test_inputs_become_exactly_these_arguments(
    step: Script, tmp_path: Path, inputs: dict[str, str], arguments: list[str]
) -> None:
    assert asked(step("run", **inputs)) == arguments
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("command", "status", "ends"),
    [("plan", 2, 0), ("plan", 4, 4), ("drift", 2, 2), ("apply", 6, 6), ("validate", 3, 3), ("apply", 0, 0)],
)
def test_it_ends_as_keyplan_does_save_for_a_plan_with_differences(
    step: Script, tmp_path: Path, command: str, status: int, ends: int
) -> None:
    assert step("run", f"exit {status}", command=command).returncode == ends
    assert read_outputs((tmp_path / "output").read_text())["exitcode"] == str(status)


def test_where_a_plan_without_changes_was_reviewed_keyplan_is_not_even_started(step: Script, tmp_path: Path) -> None:
    done = step("run", command="apply", expect="nothing")
    assert (done.returncode, done.stdout) == (0, "The reviewed plan had nothing to do, so nothing is done.\n")
    assert read_outputs((tmp_path / "output").read_text())["has_changes"] == "false"


@pytest.mark.parametrize("command", ["", "list", "plan; touch pwned", "--help"])
def test_another_command_is_misuse(step: Script, command: str) -> None:
    done = step("run", command=command)
    assert (done.returncode, "::error title=keyplan::" in done.stdout) == (64, True)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_run_lets_keyplan_finish_and_ends_with_its_status(
    tmp_path: Path, environment: dict[str, str], sent: signal.Signals
) -> None:
    finishing = 'trap "sleep 0.3; echo finished; exit 143" TERM; echo ready; while true; do sleep 0.05; done'
    write_keyplan(tmp_path, finishing)
    # As the runner starts a step: bash reads a file whose one line is the script.
    (tmp_path / "step.sh").write_text(f"source {ROOT}/action/run\n")
    started = subprocess.Popen(
        ["bash", "-e", tmp_path / "step.sh"],
        env={**environment, "ACTION_COMMAND": "apply"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout
    assert started.stdout.readline() == "ready\n"
    started.send_signal(sent)
    out, _ = started.communicate(timeout=30)
    assert (out, started.returncode) == ("finished\n", 143)
    assert read_outputs((tmp_path / "output").read_text())["exitcode"] == "143"


@pytest.mark.parametrize(
    ("extras", "wanted"),
    [
        pytest.param("", "keyplan==0.1.0", id="alone"),
        pytest.param("vault,age", "keyplan[vault,age]==0.1.0", id="sinks"),
    ],
)
def test_pip_is_asked_for_exactly_this_version(step: Script, extras: str, wanted: str) -> None:
    done = step("install", version="0.1.0", extras=extras)
    assert (done.returncode, done.stdout) == (0, f"{wanted}\n")


@pytest.mark.parametrize(
    ("extras", "more"), [("", []), ("vault,age", ["vault", "age"]), ("kubernetes", ["kubernetes"])]
)
def test_the_actions_own_code_comes_with_what_the_locks_pin(step: Script, extras: str, more: list[str]) -> None:
    done = step("install", extras=extras)
    locks = " ".join(f"-r {ROOT}/requirements/{name}.lock" for name in ["build", "core", *more])
    assert done.stdout.splitlines() == [f"--require-hashes {locks}", f"--no-deps --no-build-isolation {ROOT}"]


def test_an_extra_without_a_lock_is_refused_before_anything_is_installed(step: Script) -> None:
    done = step("install", extras="age,volt")
    assert (done.returncode, done.stdout.count("\n"), "names volt" in done.stdout) == (64, 1, True)


@pytest.mark.parametrize(
    "inputs",
    [
        {"version": "0.1.0 --index-url=https://example.com"},
        {"version": "--pre"},
        {"version": "0.1.0\nother"},
        {"extras": "vault] @ https://example.com/x.zip #"},
        {"extras": "vault\nage"},
    ],
)
def test_what_is_no_version_or_list_of_sinks_never_reaches_pip(step: Script, inputs: dict[str, str]) -> None:
    done = step("install", **inputs)
    assert (done.returncode, done.stdout.count("\n")) == (64, 1)


def test_a_python_that_is_too_old_is_told_with_what_to_do(step: Script) -> None:
    done = step("install", old="1")
    assert (done.returncode, "Run actions/setup-python before it" in done.stdout) == (3, True)


@pytest.mark.parametrize("script", ["comment", "issue"])
def test_a_name_that_could_end_the_hidden_marker_is_refused(step: Script, script: str) -> None:
    assert step(script, name="x --> <!--").returncode == 64


def test_the_action_installs_itself_into_an_environment_of_its_own(tmp_path: Path, environment: dict[str, str]) -> None:
    wheels = tmp_path / "wheels"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, ROOT]
    subprocess.run(build, check=True, capture_output=True, timeout=60)
    alone = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_IGNORE_INSTALLED": "1", "PIP_CONFIG_FILE": os.devnull}
    site = next(path for path in sys.path if path.endswith("site-packages"))
    done = subprocess.run(
        [ROOT / "action/install"],
        # What it depends on is here already; only keyplan itself is installed.
        env={
            **environment,
            **alone,
            "PATH": os.environ["PATH"],
            "PIP_FIND_LINKS": str(wheels),
            "PYTHONPATH": site,
            "ACTION_VERSION": "0.1.0",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert read_outputs((tmp_path / "output").read_text())["keyplan"].startswith(str(tmp_path))
