"""Each command has a man page that says what its help says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from keyplan.cli.main import COMMANDS

pytest.importorskip("click_man")
from release.write_man_pages import list_pages

PAGES = list_pages()


def test_each_command_has_a_page_and_the_first_one_names_them_all() -> None:
    assert {f"keyplan-{name}.1" for name in COMMANDS} <= PAGES.keys()
    assert "keyplan-ledger-show.1" in PAGES
    for name in COMMANDS:
        assert f"\\fB{name}\\fP\n  " in PAGES["keyplan.1"]


def test_a_page_has_options_with_their_variables_and_examples_as_they_are_typed() -> None:
    page = PAGES["keyplan-plan.1"]
    assert page.startswith('.TH "KEYPLAN PLAN" "1"')
    assert "keyplan\\-plan \\- Show what apply would do; change nothing\n" in page
    assert "\n\\fB\\-\\-target\\fP ADDRESS\n" in page
    assert "[env var: KEYPLAN_TARGET]" in page
    assert "\n.nf\nExample" in page


@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_line_of_a_help_is_a_request_of_roff(name: str) -> None:
    known = (".TH", ".SH", ".PP", ".B", ".TP", ".nf", ".fi")
    assert [
        line for line in PAGES[name].split("\n") if line[:1] in (".", "'") and line.split(" ")[0] not in known
    ] == []
    assert "\b" not in PAGES[name]


@pytest.mark.skipif(shutil.which("groff") is None, reason="asks the real groff")
def test_groff_has_nothing_to_complain_of(tmp_path: Path) -> None:
    for name, text in PAGES.items():
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-Wbreak", str(tmp_path / name)], capture_output=True, text=True, check=True
        )
        assert done.stderr == "", name
