"""Each manifest gets an id of its own, and an owner that is a slug, whatever git and the folder are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.app.identity import derive_owner, new_manifest_id, warn_of_missing_ids
from keyplan.documents.schemas import load

DEFINITIONS = load("manifest.v1")["$defs"]
ID, OWNER = (re.compile(DEFINITIONS[name]["pattern"]) for name in ("manifest_id", "owner_slug"))
FOLDER = Path("/srv/Team Keys")


def git_says(url: str) -> Callable[[Path, Mapping[str, str]], str]:
    """Return what stands for git: the remote of every folder has this URL."""
    return lambda _folder, _environment: url


def derive(url: str, folder: Path = FOLDER) -> str:
    return derive_owner(folder, {}, read=git_says(url))


def test_an_id_is_random_and_fits_the_schema() -> None:
    made = [new_manifest_id() for _ in range(500)]
    assert len(set(made)) == 500
    assert all(ID.fullmatch(each) and len(each) == 8 for each in made)


def test_the_line_to_add_is_told_for_each_manifest_and_differs() -> None:
    said: list[str] = []
    warn_of_missing_ids(["a.yaml", "b\x1b[31m.yaml"], said.append)
    lines = [re.findall("\n  id: ([a-z0-9]{8})$", text) for text in said]
    assert [text.split(" has no id: ")[0] for text in said] == ["a.yaml", "b\\x1b[31m.yaml"]
    assert len({each for (each,) in lines}) == 2


@pytest.mark.parametrize(
    ("url", "owner"),
    [
        pytest.param("git@git.example.com:acme/payments-keys.git", "payments-keys", id="scp form"),
        pytest.param("https://git.example.com/acme/Payments_Keys.git/", "payments_keys", id="https"),
        pytest.param("ssh://git@git.example.com:2222/acme/keys", "keys", id="port"),
        pytest.param("/srv/git/keys.git", "keys", id="path"),
        pytest.param("/srv/keys/.git", "keys", id="path of a work tree"),
        pytest.param("C:\\repos\\keys.git", "keys", id="path on Windows"),
        pytest.param("file:///srv/git/keys.git", "keys", id="file"),
        pytest.param("https://git.example.com/acme/keys?token=abc#x", "keys", id="query"),
        pytest.param("https://git.example.com/acme/Clés d'API.git", "cles-d-api", id="accents and blanks"),
        pytest.param("https://ada:pass@git.example.com/", "team-keys", id="a password is no owner"),
        pytest.param("ada:pass@git.example.com", "team-keys", id="a password without a scheme"),
        pytest.param("git@git.example.com:", "team-keys", id="no path"),
        pytest.param("git@git.example.com:acme/..", "team-keys", id="dots alone"),
        pytest.param("", "team-keys", id="no remote"),
        pytest.param(f"https://git.example.com/{'x' * 80}.git", "x" * 63, id="long"),
        pytest.param(f"https://git.example.com/ghp_{'a1B2' * 9}", "team-keys", id="what looks like a secret"),
    ],
)
def test_the_owner_is_the_repository_s_name_else_the_folder_s(url: str, owner: str) -> None:
    assert derive(url) == owner


def test_neither_may_give_an_owner() -> None:
    assert derive("https://git.example.com/\u9375.git", Path("/")) == ""


@given(url=st.text(max_size=90), folder=st.text(max_size=40))
def test_any_text_gives_an_owner_that_is_a_slug_or_none(url: str, folder: str) -> None:
    owner = derive(url, Path("/srv") / folder.replace("\0", "").replace("/", "").encode(errors="ignore").decode())
    assert owner == "" or OWNER.fullmatch(owner)
