"""The image: what is in it and what is not, and keyplan in it as process 1 of a stranger on a read-only root."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from e2e.terminal import Terminal
from image.container import ALONE, BESIDE_US, HARDENED, UNKNOWN_USER, Engine, mounted

import keyplan
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

pytestmark = [pytest.mark.image, pytest.mark.enable_socket]

REPOSITORY = Path(__file__).parents[2]
LABELS = [
    "created",
    "description",
    "documentation",
    "licenses",
    "revision",
    "source",
    "title",
    "url",
    "vendor",
    "version",
]
FOUR_KEYS = "keys:\n" + "".join(f"  - {{name: k{number}, key_type: user}}\n" for number in range(4))
INSTALLERS = {"pip", "pip3", "setuptools", "wheel", "ensurepip", "hatchling"}
COMPILERS = ("gcc", "cc", "c++", "clang", "ld", "as", "make")
MOST_BYTES = 60_000_000
"""What keyplan may add to its base."""
FIND_NAMES = """
import os
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in {"/proc", "/sys", "/dev"}]
    print(*folders, *files, sep="\\n")
"""
FIND_WRITABLE = """
import os
for folder, folders, _ in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in {"/proc", "/sys", "/dev"}]
    if os.access(folder, os.W_OK):
        print(folder)
"""
MEASURE = """
import os
print(sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, files in os.walk("/opt") for name in files))
"""


def test_it_tells_its_version(engine: Engine) -> None:
    assert engine.run("--version").stdout.split()[-1] == keyplan.__version__


def test_it_runs_keyplan_and_nothing_around_it(engine: Engine) -> None:
    config = engine.inspect()["Config"]
    assert config["Entrypoint"] == ["keyplan"]
    assert not config.get("Cmd")


def test_it_runs_as_a_user_that_a_cluster_can_see_is_not_root(engine: Engine) -> None:
    user, _, group = engine.inspect()["Config"]["User"].partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_every_label_of_the_open_container_initiative_is_there(engine: Engine) -> None:
    labels = engine.inspect()["Config"]["Labels"]
    prefix = "org.opencontainers.image."
    assert sorted(name.removeprefix(prefix) for name in labels if name.startswith(prefix)) == LABELS
    assert labels[f"{prefix}version"] == keyplan.__version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", labels[f"{prefix}created"])


def test_its_revision_is_the_commit_that_it_was_built_from(engine: Engine) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    ).stdout.strip()
    assert engine.inspect()["Config"]["Labels"]["org.opencontainers.image.revision"] == head


def test_nothing_in_it_installs(engine: Engine) -> None:
    names = set(engine.look(FIND_NAMES).splitlines())
    assert "httpx" in names
    assert INSTALLERS & names == set()


@pytest.mark.parametrize("compiler", COMPILERS)
def test_nothing_in_it_compiles(engine: Engine, compiler: str) -> None:
    assert engine.look(f"import shutil; print(shutil.which('{compiler}'))") == "None"


def test_its_user_can_write_nowhere_but_in_the_working_folder_and_those_for_temporary_files(engine: Engine) -> None:
    writable = set(engine.look(FIND_WRITABLE).splitlines())
    assert writable <= {"/work", "/tmp", "/var/tmp", "/run/lock"}  # noqa: S108 - names in the image
    assert "/work" in writable


def test_nothing_in_it_tells_where_packages_came_from(engine: Engine) -> None:
    assert "pip.conf" not in engine.look(FIND_NAMES).splitlines()
    assert [one for one in engine.inspect()["Config"]["Env"] if one.startswith("PIP_")] == []


@pytest.mark.skipif(bool(os.environ.get("EXTRAS")), reason="an SDK has the size that its makers give it")
def test_what_keyplan_adds_is_small(engine: Engine) -> None:
    assert int(engine.look(MEASURE)) < MOST_BYTES


@pytest.mark.parametrize("api", ["alpha", "beta"])
def test_the_demo_runs_for_a_stranger_on_a_read_only_root(engine: Engine, tmp_path: Path, api: str) -> None:
    done = engine.run("demo", "--api", api, options=(*ALONE, *HARDENED, *mounted(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert "No changes." in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_runs_as_it_is(engine: Engine) -> None:
    assert engine.run("demo").returncode == 0


@pytest.mark.parametrize("environment", [("--env=HOME=",), ("--env=HOME=/nowhere",)], ids=["no home", "no such home"])
def test_a_manifest_is_applied_without_a_home(engine: Engine, tmp_path: Path, environment: tuple[str, ...]) -> None:
    with running(SandboxOptions(api="beta")) as sandbox:
        terminal = Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api="beta")
        terminal.write()
        options = (*_beside(terminal), *environment)
        assert engine.run("apply", "--auto-approve", options=options).returncode == 0
        assert engine.run("plan", "--detailed-exitcode", options=options).returncode == 0
        assert terminal.live_names() == ["ci", "ingest"]


@pytest.mark.parametrize("name", ["ci", "ingest"])
def test_what_it_delivers_belongs_to_the_stranger_alone(engine: Engine, tmp_path: Path, name: str) -> None:
    with running(SandboxOptions(api="beta")) as sandbox:
        terminal = Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api="beta")
        terminal.write()
        assert engine.run("apply", "--auto-approve", options=_beside(terminal)).returncode == 0
        delivered = (tmp_path / "secrets" / f"{name}.key").stat()
    assert (delivered.st_uid, delivered.st_mode & 0o777) == (UNKNOWN_USER, 0o600)


def test_told_to_stop_as_process_1_it_finishes_what_is_under_way_and_says_so(engine: Engine, tmp_path: Path) -> None:
    with running(SandboxOptions(api="beta")) as sandbox:
        terminal = Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api="beta")
        terminal.write(FOUR_KEYS)
        terminal.break_requests("POST", "/v2/api-keys$", action="delay", nth=2, seconds=3, when="after")
        apply = ("apply", "--auto-approve", "--parallelism", "1")
        with engine.started(*apply, options=_beside(terminal)) as container:
            terminal.await_held()
            container.signal("TERM")
            status, out, err = container.finish()
        assert status == 143
        assert "interrupt once more to stop at once" in err
        assert "2 added, 0 changed, 0 destroyed" in out
        assert out.count("the run was interrupted") == 2
        assert terminal.live_names() == ["k0", "k1"]


def test_the_next_container_finishes_what_a_killed_one_left(engine: Engine, tmp_path: Path) -> None:
    with running(SandboxOptions(api="beta")) as sandbox:
        terminal = Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api="beta")
        terminal.write(FOUR_KEYS)
        terminal.break_requests("POST", "/v2/api-keys$", action="delay", nth=2, seconds=60, when="after")
        with engine.started("apply", "--auto-approve", options=_beside(terminal)) as container:
            terminal.await_held()
            container.signal("KILL")
            assert container.finish()[0] == 137
        terminal.control("DELETE", "faults")
        assert engine.run("apply", "--auto-approve", options=_beside(terminal)).returncode == 0
        assert terminal.live_names() == ["k0", "k1", "k2", "k3"]
        assert all(terminal.is_valid(terminal.delivered(name)) for name in terminal.live_names())


def test_the_sandbox_is_process_1_and_ends_on_the_signal_of_an_engine_that_stops_it(engine: Engine) -> None:
    with engine.started("sandbox", options=(*ALONE, *HARDENED)) as container:
        assert container.process.stdout
        while "Ctrl-C" not in container.process.stdout.readline():
            pass
        assert container.first_process().endswith("keyplan sandbox")
        container.signal("TERM")
        assert container.finish()[0] == 0


def _beside(terminal: Terminal) -> tuple[str, ...]:
    """Return the options of a stranger's container that sees a terminal's folder and its sandbox, and no more."""
    credential = f"--env=ARIZE_API_KEY={terminal.credential}"
    return (*HARDENED, *BESIDE_US, *mounted(terminal.folder), credential)
