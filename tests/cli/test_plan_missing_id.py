"""A manifest without an id is read as before; validate, plan and apply say which line to add, once each."""

from __future__ import annotations

import re

import pytest
from cli.shell import MANIFEST, Shell
from simulator import World

WITHOUT_ID = MANIFEST.replace("id: k7f3a9c2\n", "")
WARNING = r"{name} has no id: [^\n]* Add this line at the top:\n  id: [a-z][a-z0-9]{{7}}\n"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("validate",), id="validate"),
        pytest.param(("plan",), id="plan"),
        pytest.param(("apply", "--auto-approve"), id="apply"),
        pytest.param(("rotate", "user/ci", "--auto-approve"), id="rotate"),
    ],
)
def test_the_line_to_add_is_on_stderr_once(command: tuple[str, ...], shell: Shell) -> None:
    shell.write(WITHOUT_ID)
    done = shell(*command)
    assert (done.status, "no id" in done.out) == (0, False)
    assert re.fullmatch(WARNING.format(name="keys.yaml"), done.err)


@pytest.mark.parametrize("command", [("validate", "envs"), ("plan", "envs")])
def test_each_manifest_gets_a_line_of_its_own(command: tuple[str, ...], shell: Shell) -> None:
    for owner in ("prod", "test"):
        (shell.folder / "envs" / owner).mkdir(parents=True)
        shell.write(WITHOUT_ID.replace("ml-platform", owner), f"envs/{owner}/keys.yaml")
        shell.wiring.others[owner] = World()
    names = ("envs/prod/keys.yaml", "envs/test/keys.yaml")
    told = shell(*command).err
    assert re.fullmatch("".join(WARNING.format(name=name) for name in names), told)
    assert len(set(re.findall("  id: (.*)", told))) == 2


def test_the_line_makes_the_warning_go(shell: Shell) -> None:
    shell.write(WITHOUT_ID)
    line = shell("validate").err.splitlines()[-1].strip()
    shell.write(f"{line}\n{WITHOUT_ID}")
    assert shell("validate").err == ""


def test_an_id_that_is_refused_is_not_missing_too(shell: Shell) -> None:
    shell.write(MANIFEST.replace("k7f3a9c2", "K"))
    done = shell("validate")
    assert (done.status, "has no id" in done.err) == (3, False)


def test_reading_commands_say_nothing_of_it(shell: Shell) -> None:
    shell.write(WITHOUT_ID)
    assert shell("list").err == ""
