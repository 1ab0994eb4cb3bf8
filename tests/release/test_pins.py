"""What README, docs, examples and action say of installing keyplan is what `release.toml` says, released or not."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from release.pins import (
    PLACES,
    REPOSITORY,
    SWITCH,
    UNKNOWN_COMMIT,
    WRITTEN,
    SwitchError,
    list_files,
    list_places,
    read_switch,
    write_all,
)

import keyplan

COMMIT, DIGEST, IMAGE = "1234567890" * 4, f"sha256:{'ab' * 32}", "registry.example.org/acme/keyplan"
RELEASE = f"""
[release]
version = "9.8.7"
commit = "{COMMIT}"
image = "{IMAGE}"
digest = "{DIGEST}"
"""
SPEAKS_OF_INSTALLING = re.compile(
    r"\b(?:pipx?|uv tool|uv pip) install\b[^`\n]*"
    r"|keyplan(?:\[[^\]\n]*\])?==\S+"
    r"|\bkeyplan-\d+\.\d+\.\d+\S*"
    r"|(?<![\w/.])[\w-]+/keyplan(?:@[^\s`]+)?(?=[\s`/])"
    r"|\b(?:newTag|newName|rev|repo): .*|^ +digest: .*"
    r"|githubusercontent\.com/\S+"
)
"""Anything that installs keyplan, or names its repository, its version or its image."""
NOT_OURS = (
    re.compile(
        r"pip install (?:--quiet .*\"\$INSTALL\"|--quiet --disable-pip-version-check\)|-e \.)"
    ),  # whatever it is
    re.compile(r"/opt/keyplan/bin/pip install (?:--require-hashes|--no-deps) .*"),  # from the checkout, in any case
    re.compile(r"keyplan(?:\$\{ACTION_EXTRAS:\+\[\$ACTION_EXTRAS\]\})?==\$ACTION_VERSION\S*"),  # an input
    re.compile(
        r"(?:charts|opt|etc|lib|run|bin|var|home|cache|localhost|HOME)/keyplan"
    ),  # folders, and what others name
    re.compile(r"docker\.io/library/python:\S+"),  # the base of the image
    re.compile(r"Don't run `pip install keyplan`"),
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of what the places are in."""
    for name in (*WRITTEN, SWITCH, "keyplan/__init__.py"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copyfile)(REPOSITORY / name, target)
    return tmp_path


def release(folder: Path) -> None:
    """Say in a checkout that a release is out, of a repository with another name, and write what follows."""
    switch = folder / SWITCH
    switch.write_text(switch.read_text().replace('"keyplan/keyplan"', '"acme/arize-keys"') + RELEASE)
    write_all(folder)


def texts(folder: Path) -> dict[str, str]:
    """Return the files that may have places, by name."""
    return {str(path.relative_to(folder)): path.read_text() for path in list_files(folder)}


def test_every_place_agrees_with_the_switch() -> None:
    assert write_all(REPOSITORY, is_dry=True) == []


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.files} {place.found[:24]}")
def test_every_place_is_found_in_both_forms(checkout: Path, place: object) -> None:
    def count() -> int:
        return sum(
            len(re.findall(one.found, text))
            for name, text in texts(checkout).items()
            for one in list_places(name)
            if one is place
        )

    before = count()
    release(checkout)
    assert before == count() > 0


def test_a_release_that_is_taken_back_leaves_every_byte_as_it_was(checkout: Path) -> None:
    before, switch = texts(checkout), (checkout / SWITCH).read_text()
    release(checkout)
    assert texts(checkout) != before
    (checkout / SWITCH).write_text(switch)
    write_all(checkout)
    assert texts(checkout) == before


def test_before_a_release_nothing_names_one() -> None:
    told = "\n".join(texts(REPOSITORY).values())
    assert not re.search(r"keyplan(\[[a-z,-]+\])?==\d", told)
    assert not re.search(r"pip install '?keyplan(?!`: if an index)", told)
    assert f"keyplan/keyplan@{UNKNOWN_COMMIT}  # a commit of your copy" in told
    assert f"INSTALL: ./keyplan-{keyplan.__version__}-py3-none-any.whl[vault]" in told


def test_after_a_release_everything_names_it(checkout: Path) -> None:
    release(checkout)
    told = texts(checkout)
    everything = "\n".join(told.values())
    for old in ("keyplan/keyplan", UNKNOWN_COMMIT, "No release is out", "no release is out"):
        assert old not in everything
    # The packages of the examples, which are not keyplan.
    assert set(re.findall(r"install '\.(\[.*?\])'", everything)) == {"[testing]"}
    assert "pipx install keyplan==9.8.7" in told["README.md"]
    assert "pip install 'keyplan[apprise]'" in told["docs/notifications.md"]
    assert told["examples/github/workflows/keyplan-merge.yml"].count(f"acme/arize-keys@{COMMIT}  # v9.8.7\n") == 1
    assert "INSTALL: keyplan[vault]==9.8.7\n" in told["examples/gitlab/.gitlab-ci.yml"]
    assert f"newName: {IMAGE}\n    digest: {DIGEST}\n" in told["examples/kubernetes/kustomization.yaml"]
    assert "pip install 'keyplan==9.8.7'" in told["examples/systemd/README.md"]
    assert f'rev: "{COMMIT}"  # frozen: v9.8.7' in told["examples/pre-commit/.pre-commit-config.yaml"]
    assert '"$id": "https://raw.githubusercontent.com/acme/arize-keys/main/' in told["schemas/manifest.v1.json"]


def find_strangers(folder: Path) -> Iterator[str]:
    """Yield what speaks of installing keyplan and is in none of the places."""
    for name, text in texts(folder).items():
        known = [found.span() for place in list_places(name) for found in re.finditer(place.found, text)]
        known += [found.span() for pattern in NOT_OURS for found in pattern.finditer(text)]
        for found in SPEAKS_OF_INSTALLING.finditer(text):
            if not any(start < found.end() and found.start() < end for start, end in known):
                yield f"{name}: {found[0]}"


def test_nothing_speaks_of_installing_keyplan_outside_of_the_places() -> None:
    assert list(find_strangers(REPOSITORY)) == []


@pytest.mark.parametrize("line", ["pip install keyplan", "uses: acme/keyplan@v1", "uv tool install keyplan==1.0.0"])
def test_a_new_place_is_noticed(checkout: Path, line: str) -> None:
    (checkout / "docs" / "new.md").write_text(f"{line}\n")
    assert list(find_strangers(checkout)) != []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (f'digest = "{DIGEST}"\n', "", "a release has version, commit, image, digest"),
        (COMMIT, "main", "the commit of a release is not 'main'"),
        (COMMIT, UNKNOWN_COMMIT, "the commit of a release is not '000"),
        (DIGEST, "sha256:...", "the digest of a release is not"),
        ('"9.8.7"', '"next"', "the version of a release is not 'next'"),
        ('repository = "keyplan/keyplan"', 'repository = "keyplan"', "repository is OWNER/NAME"),
    ],
)
def test_half_a_release_is_refused(checkout: Path, old: str, new: str, problem: str) -> None:
    switch = checkout / SWITCH
    switch.write_text((switch.read_text() + RELEASE).replace(old, new))
    with pytest.raises(SwitchError, match=re.escape(problem)):
        read_switch(checkout)
