"""A manifest gets the files and variables that it names only if it may have them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keyplan.app.composition import MAX_INCLUDED_BYTES, make_sources
from keyplan.app.files import Input, read_manifest
from keyplan.app.layers import NO_LAYERS, Layers, Surroundings
from keyplan.documents.schemas import load
from keyplan.errors import InputError, ManifestError
from keyplan.manifest import Refusal, TextFile, read_policy
from keyplan.model.mask import note_credential, own_secrets
from keyplan.model.policy import Policy

NO_YAML = "must be the path of a YAML file, which ends with .yaml or .yml or .json"
MANIFEST = """\
version: 1
owner: ml
id: k7f3a9c2
include: [{path}]
keys: [{{name: ci, key_type: user}}]
"""
COMMON = "sinks: {local: {type: file, path: 'secrets/{name}'}}\ndefaults: {sink: local}\n"


def allow(items: str) -> Policy:
    return read_policy(f"version: 1\nallow: {{{items}}}\n".encode(), file="policy.yaml", schema=load("policy.v1"))


def problems(
    folder: Path, path: str, *policies: Policy, name: str = "keys.yaml", layers: Layers = NO_LAYERS
) -> list[str]:
    around = Surroundings(layers=layers, folder=folder, environment={})
    source = Input(
        name=name, folder=(folder / name).parent, content=MANIFEST.format(path=path).encode(), surroundings=around
    )
    try:
        read_manifest(source, policies)
    except ManifestError as error:
        return list(map(str, error.problems))
    return []


def test_a_path_starts_at_the_folder_of_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "envs" / "prod").mkdir(parents=True)
    (tmp_path / "envs" / "common.yaml").write_text(COMMON + "owner: x\n")
    found = problems(tmp_path, "../common.yaml", name="envs/prod/keys.yaml")
    assert [one.split(": ")[0] for one in found] == ["envs/prod/../common.yaml:3:1"]
    (tmp_path / "envs" / "common.yaml").write_text(COMMON)
    assert problems(tmp_path, "../common.yaml", name="envs/prod/keys.yaml") == []
    assert problems(tmp_path, str(tmp_path / "envs" / "common.yaml")) == []


def test_an_overlay_includes_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "over").mkdir()
    (tmp_path / "over" / "more.yaml").write_text("vars: {x: y}\n")
    (tmp_path / "over" / "o.yaml").write_text("include: [more.yaml]\n")
    (tmp_path / "common.yaml").write_text(COMMON)
    assert problems(tmp_path, "common.yaml", layers=Layers(overlays=("over/o.yaml",))) == []


def test_an_overlay_that_is_not_there_is_an_error_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"o\.yaml does not exist"):
        problems(tmp_path, "common.yaml", layers=Layers(overlays=("o.yaml",)))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param("none.yaml", "cannot be read: No such file or directory", id="not there"),
        pytest.param("folder.yaml", "is not a plain file", id="a folder"),
        pytest.param("fifo.yaml", "is not a plain file", id="a FIFO, without waiting"),
        pytest.param("large.yaml", "is larger than 4 MiB", id="too large"),
        pytest.param("secrets.env", NO_YAML, id="odd"),
        pytest.param("~/a.yaml", NO_YAML, id="home"),
    ],
)
def test_what_is_no_plain_yaml_file_is_not_included(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "fifo.yaml")
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(MAX_INCLUDED_BYTES + 1)
    assert problems(tmp_path, path) == [f"keys.yaml:4:11: included file '{path}' {reason}"]


def test_a_file_out_of_the_allowed_folders_is_not_opened(tmp_path: Path) -> None:
    inside = tmp_path / "repository"
    inside.mkdir()
    (tmp_path / "evil.yaml").write_text("- : {")
    (inside / "link.yaml").symlink_to("../evil.yaml")
    (inside / "common.yaml").write_text(COMMON)
    refused = " leads into no allowed folder (policy/allow/folders in policy.yaml:2)"
    for path in ("../evil.yaml", "link.yaml", "../absent.yaml", str(tmp_path / "evil.yaml")):
        source = Input(name="keys.yaml", folder=inside, content=MANIFEST.format(path=path).encode())
        with pytest.raises(ManifestError) as caught:
            read_manifest(source, [allow("commands: true"), allow("folders: [.]")])
        (problem,) = caught.value.problems
        assert (problem.message.endswith(refused), problem.rule) == (True, "policy/allow/folders")
    assert problems(inside, "common.yaml", allow("folders: [.]")) == []


def judge(environment: dict[str, str], name: str, *policies: Policy) -> str:
    around = Surroundings(environment=environment)
    found = make_sources("keys.yaml", Path("/"), around, policies, lambda _: b"").judge_variable(name)
    return found.message if found else ""


@pytest.mark.parametrize(
    "name",
    ["ARIZE_API_KEY", "KEYPLAN_NOTIFY", "VAULT_TOKEN", "SOPS_AGE_KEY", "https_proxy", "NPM_TOKEN", "db_password"],
)
def test_a_variable_of_secrets_is_never_read(name: str) -> None:
    message = f"'{name}' holds a secret, and no manifest may read one"
    assert judge({}, name) == message
    assert judge({name: "x"}, name, allow("environment: ['*']")) == message


def test_nor_is_another_variable_with_a_secret_of_this_run() -> None:
    with own_secrets():
        note_credential("a-long-secret-of-this-run")
        assert judge({"TEAM": "x a-long-secret-of-this-run"}, "TEAM").startswith("'TEAM' holds a secret")
        assert judge({"TEAM": "x"}, "TEAM") == ""


def test_a_policy_says_which_variables_may_be_read() -> None:
    policy = allow("environment: ['CI_*']")
    assert judge({}, "CI_JOB", policy) == ""
    refused = "variable 'HOME' of the environment is not allowed (policy/allow/environment in policy.yaml:2)"
    assert judge({}, "HOME", allow("commands: true"), policy) == refused


def test_an_impossible_path_is_refused(tmp_path: Path) -> None:
    sources = make_sources("keys.yaml", tmp_path, Surroundings(), (), lambda _: b"")
    assert isinstance(sources.include("keys.yaml", "a\0.yaml"), Refusal)
    (tmp_path / "a.yaml").write_text("x")
    assert sources.include("keys.yaml", "a.yaml") == TextFile(name="a.yaml", content=b"x")
