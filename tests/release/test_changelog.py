"""The changelog is a list of releases that a program can read, and the notes of a release are what it says of it."""

from __future__ import annotations

from datetime import date

import pytest
from release.changelog import REPOSITORY, ReleaseError, cut_section, find_notes, parse_version, read_sections

HEAD = "# Changelog\n\nFor users.\n\n"
TWO = (
    HEAD
    + """\
## Unreleased

- New.

## 0.2.0 - 2026-05-01

### Changed

- Later.

## 0.1.0 - 2026-04-01

- First.
"""
)


def test_the_changelog_of_keyplan_is_one_that_releases_can_read() -> None:
    assert read_sections((REPOSITORY / "CHANGELOG.md").read_text())[0].text


def test_a_section_has_its_version_its_day_and_everything_up_to_the_next_heading_of_a_version() -> None:
    unreleased, later, first = read_sections(TWO)
    assert (unreleased.version, unreleased.released, unreleased.text) == ("Unreleased", None, "- New.")
    assert (later.version, later.released, later.text) == ("0.2.0", date(2026, 5, 1), "### Changed\n\n- Later.")
    assert (first.version, first.text) == ("0.1.0", "- First.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("# Changelog\n", "first section", id="no section"),
        pytest.param("## 0.1.0 - 2026-04-01\n", "first section", id="nothing unreleased"),
        pytest.param("## Unreleased\n\n## 0.1.0\n", "not `## X.Y.Z - YYYY-MM-DD`", id="no day"),
        pytest.param("## Unreleased\n\n## v0.1.0 - 2026-04-01\n", "not `## X.Y.Z", id="the name of the tag"),
        pytest.param("## Unreleased\n\n## 0.01.0 - 2026-04-01\n", "not a version", id="a leading zero"),
        pytest.param("## Unreleased\n\n## 0.1.0 - 2026-02-30\n", "no such day", id="no such day"),
        pytest.param(
            "## Unreleased\n\n## 0.9.0 - 2026-04-01\n\n## 0.10.0 - 2026-03-01\n", "newest version is first", id="order"
        ),
        pytest.param(
            "## Unreleased\n\n## 0.2.0 - 2026-04-01\n\n## 0.1.0 - 2026-04-02\n", "dates 0.2.0 before", id="days"
        ),
    ],
)
def test_a_changelog_is_refused(text: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        read_sections(text)


def test_the_notes_of_a_release_are_its_section() -> None:
    assert find_notes(TWO, "0.2.0") == "### Changed\n\n- Later.\n"


@pytest.mark.parametrize("version", ["0.3.0", "Unreleased", "0.2", ""])
def test_there_are_no_notes_of_what_was_not_released(version: str) -> None:
    with pytest.raises(ReleaseError):
        find_notes(TWO, version)


def test_an_empty_section_has_no_notes() -> None:
    with pytest.raises(ReleaseError, match="is empty"):
        find_notes("## Unreleased\n\n## 0.1.0 - 2026-04-01\n", "0.1.0")


def test_a_cut_moves_what_is_unreleased_below_the_new_version_and_leaves_every_other_line() -> None:
    cut = cut_section(TWO, "0.3.0", date(2026, 6, 1))
    assert cut == TWO.replace("## Unreleased\n", "## Unreleased\n\n## 0.3.0 - 2026-06-01\n")
    assert find_notes(cut, "0.3.0") == "- New.\n"
    assert read_sections(cut)[0].text == ""


@pytest.mark.parametrize(
    ("text", "version", "day", "said"),
    [
        pytest.param(TWO, "0.2.0", date(2026, 6, 1), "not newer", id="released before"),
        pytest.param(TWO, "0.1.9", date(2026, 6, 1), "not newer", id="older than the last release"),
        pytest.param(TWO, "0.3.0", date(2026, 4, 30), "dates 0.3.0 before", id="before the last release"),
        pytest.param(HEAD + "## Unreleased\n", "0.1.0", date(2026, 6, 1), "nothing below", id="nothing to release"),
        pytest.param(TWO, "1.0.0rc1", date(2026, 6, 1), "not a version", id="no version of three numbers"),
    ],
)
def test_a_cut_is_refused(text: str, version: str, day: date, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        cut_section(text, version, day)


def test_versions_are_compared_as_numbers() -> None:
    assert parse_version("0.10.0") > parse_version("0.9.12")
