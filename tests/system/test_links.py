"""A path stays within its folders, whatever links a repository holds, and nothing outside is looked at."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from keyplan.system.links import LinkResolver


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Return a folder with a neighbour that holds a secret."""
    (tmp_path / "repo" / "deep").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("s")
    return tmp_path / "repo"


def stays(path: Path | str, *folders: Path, start: Path | None = None) -> bool:
    resolver = LinkResolver(str(start or folders[0]))
    return resolver.stays_within(Path(path).parts[1:], [str(folder) for folder in folders])


def test_a_file_in_the_folder_stays_within(repo: Path) -> None:
    (repo / "deep" / "x").write_text("")
    assert stays(repo / "deep" / "x", repo)
    assert stays(repo, repo)


def test_what_is_not_there_yet_stays_within(repo: Path) -> None:
    assert stays(repo / "new" / "x", repo)


def test_a_file_on_the_way_is_no_link(repo: Path) -> None:
    (repo / "plain").write_text("")
    assert stays(repo / "plain" / "x", repo)


def test_a_neighbour_with_a_longer_name_is_outside(repo: Path) -> None:
    assert not stays(f"{repo}-2/x", repo)
    assert not stays(repo.parent / "outside" / "secret", repo)


@pytest.mark.parametrize(
    "target",
    [
        "../outside/secret",
        "../outside",
        "/etc/passwd",
        "../../../../../../../../../../etc/passwd",
        "deep/../../outside",
    ],
)
def test_a_link_that_leads_out_does_not_stay(repo: Path, target: str) -> None:
    (repo / "link").symlink_to(target)
    assert not stays(repo / "link", repo)
    assert not stays(repo / "link" / "secret", repo)


def test_a_link_over_a_link_does_not_stay(repo: Path) -> None:
    (repo / "one").symlink_to("deep/two")
    (repo / "deep" / "two").symlink_to("../../outside")
    assert not stays(repo / "one" / "secret", repo)


@pytest.mark.parametrize("target", ["deep/x", "./deep/../deep/x", "{repo}/deep/x"])
def test_a_link_within_the_folder_stays(repo: Path, target: str) -> None:
    (repo / "link").symlink_to(target.format(repo=repo))
    assert stays(repo / "link", repo)


def test_a_link_to_itself_does_not_stay(repo: Path) -> None:
    (repo / "link").symlink_to("link")
    assert not stays(repo / "link", repo)


def test_a_link_may_lead_from_one_folder_to_another(repo: Path) -> None:
    (repo / "link").symlink_to("../outside/secret")
    assert stays(repo / "link", repo, repo.parent / "outside")


def test_a_link_out_and_back_in_stays(repo: Path) -> None:
    (repo / "link").symlink_to("../repo/deep")
    assert stays(repo / "link" / "x", repo)


def test_a_link_through_a_folder_outside_does_not_stay_wherever_it_ends(repo: Path) -> None:
    (repo.parent / "outside" / "back").symlink_to("../repo/deep")
    (repo / "link").symlink_to("../outside/back")
    assert not stays(repo / "link", repo)


def test_a_folder_that_is_named_by_a_link_is_the_one_that_it_is(repo: Path) -> None:
    (repo.parent / "named").symlink_to("repo")
    assert stays(repo.parent / "named" / "x", repo.parent / "named")
    assert stays(repo / "x", repo.parent / "named")
    (repo / "link").symlink_to(repo.parent / "named" / "deep")
    assert stays(repo / "link", repo.parent / "named")


def test_a_folder_within_the_start_must_not_be_a_link_itself(repo: Path) -> None:
    (repo / "secrets").symlink_to("../outside")
    assert not stays(repo / "secrets" / "secret", repo / "secrets", start=repo)
    assert not stays(repo / "secrets" / "secret", repo / "secrets", start=repo / "deep")
    assert stays(repo / "deep" / "x", repo / "deep", start=repo)


def test_a_folder_far_from_the_start_may_be_a_link(repo: Path) -> None:
    (repo / "secrets").symlink_to("../outside")
    assert stays(repo / "secrets" / "secret", repo / "secrets", start=Path("/elsewhere"))


def test_a_way_that_cannot_be_examined_does_not_stay(repo: Path) -> None:
    resolver = LinkResolver(str(repo))
    assert not resolver.stays_within((*repo.parts[1:], "a\0b"), [str(repo)])
    assert not resolver.stays_within((*repo.parts[1:], "a" * 300), [str(repo)])


def test_the_root_of_the_disk_holds_everything(repo: Path) -> None:
    assert stays("/", Path("/"))
    (repo / "link").symlink_to("/outside-of-everything/x")
    assert stays(repo / "link", Path("/"))


def test_nothing_outside_is_looked_at(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "link").symlink_to("../outside/secret")
    seen: list[str] = []

    def watch(look: Callable[..., object]) -> Callable[..., object]:
        def watched(path: str) -> object:
            seen.append(path)
            return look(path)

        return watched

    real = os.path.realpath(repo)
    monkeypatch.setattr("keyplan.system.links.os.path.realpath", lambda path: real if path == str(repo) else path)
    monkeypatch.setattr("keyplan.system.links.os.lstat", watch(os.lstat))
    monkeypatch.setattr("keyplan.system.links.os.readlink", watch(os.readlink))
    assert not stays(repo / "link", repo)
    assert not stays(repo.parent / "outside" / "secret", repo)
    assert set(seen) == {str(repo / "link")}
