"""The files for contributors and reporters name what exists, and the hooks for contributors run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository.workflows import OURS, ROOT, parse

PAGES = [
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "GOVERNANCE.md",
    "SECURITY.md",
    "docs/releasing.md",
    "docs/stability.md",
]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
WRITTEN = [*(ROOT / name for name in PAGES), *FORMS, *sorted((ROOT / ".github").glob("*.md"))]
ADDRESSES = (
    f"https://github.com/{OURS}/security/advisories/new",
    f"https://github.com/{OURS}/blob/main/SECURITY.md",
    "https://github.com/OWNER/NAME",
    "https://www.contributor-covenant.org/version/2/1/code_of_conduct/",
    "https://semver.org/",
)
"""Every address that these files may name."""
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_ADDRESS = re.compile(r"https?://[^\s)'\"`>]+")
TOOLS = Path(sys.executable).parent


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_no_mail_address_and_no_unknown_site_is_named(path: Path) -> None:
    assert _MAIL.findall(path.read_text()) == []
    assert set(_ADDRESS.findall(path.read_text())) <= set(ADDRESSES)


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_known_address_is_named_somewhere(address: str) -> None:
    assert [path for path in WRITTEN if address in path.read_text()]


def test_the_code_owners_are_one_team_of_the_organization_of_this_repository() -> None:
    lines = (ROOT / ".github" / "CODEOWNERS").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [f"* @{OURS.partition('/')[0]}/maintainers"]


def test_a_vulnerability_has_no_form_and_a_link_to_the_private_one() -> None:
    assert [form.stem for form in FORMS] == ["bug", "config", "feature", "question"]
    config = parse(ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml")
    assert config["blank_issues_enabled"] == "false"
    assert [link["url"] for link in config["contact_links"]] == [ADDRESSES[0]]


@pytest.mark.parametrize("name", ["bug", "question"])
def test_a_form_sends_vulnerabilities_to_the_private_way(name: str) -> None:
    form = parse(ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml")
    assert form["body"][0]["type"] == "markdown"
    assert "rivate" in form["body"][0]["attributes"]["value"]


def test_every_form_says_what_it_can_not_do_without() -> None:
    for form in FORMS:
        if form.stem != "config":
            fields = [field for field in parse(form)["body"] if field["type"] != "markdown"]
            assert any(field.get("validations", {}).get("required") == "true" for field in fields), form.name
            assert len({field["id"] for field in fields}) == len(fields), form.name


@pytest.mark.parametrize("text", ["| 3 working days |", "| 14 days |", "| 90 days |", "| the latest release | yes |"])
def test_the_security_policy_has_response_times_and_supported_versions(text: str) -> None:
    assert text in (ROOT / "SECURITY.md").read_text()


def test_dependabot_looks_into_folders_that_exist_and_waits_a_week() -> None:
    for update in parse(ROOT / ".github" / "dependabot.yml")["updates"]:
        folders = update.get("directories") or [update["directory"]]
        assert [folder for folder in folders if not (ROOT / folder.lstrip("/")).is_dir()] == []
        assert int(update["cooldown"]["default-days"]) >= 7


def test_the_development_container_runs_a_target_of_make_that_exists() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    program, target = container["postCreateCommand"].split()
    assert program == "make"
    assert f"\n{target.replace('.venv', '$(VENV)', 1)}:" in (ROOT / "Makefile").read_text()


def _list_hooks() -> list[dict[str, str]]:
    (local,) = parse(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    return list(local["hooks"])


@pytest.mark.parametrize("hook", _list_hooks(), ids=lambda hook: hook["id"])
def test_a_hook_is_a_tool_of_the_environment_that_make_check_uses(hook: dict[str, str]) -> None:
    tool = hook["entry"].split()[0]
    assert tool.startswith(".venv/bin/")
    assert hook["language"] == "system"
    assert re.search(rf"\$\(BIN\)/{Path(tool).name}\b", (ROOT / "Makefile").read_text())


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a repository with the hooks of this one, and its tools."""
    for name in (".pre-commit-config.yaml", ".yamllint.yaml", "pyproject.toml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(TOOLS)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.skipif(not (TOOLS / "pre-commit").exists(), reason="runs the real pre-commit, of the extra dev")
@pytest.mark.parametrize(
    ("name", "bad", "good", "hook"),
    [
        pytest.param("examples/a.py", "x=1\n", '"""A."""\n\nx = 1\n', "ruff format", id="a module"),
        pytest.param("examples/a.yaml", "a:   [b\n", "a: [b]\n", "yamllint", id="a YAML file"),
        pytest.param("action/a", "#!/bin/sh\necho $1\n", '#!/bin/sh\necho "$1"\n', "shellcheck", id="a script"),
        pytest.param("Dockerfile", "FROM a\n", "FROM a:1\n", "hadolint", id="a Dockerfile"),
    ],
)
def test_the_hooks_stop_a_bad_file_and_let_a_good_one_pass(
    clone: Path, name: str, bad: str, good: str, hook: str
) -> None:
    path = clone / name
    path.parent.mkdir(exist_ok=True)
    found = {}
    for text in (bad, good):
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
        subprocess.run(["git", "add", "--all", "--", name], cwd=clone, check=True)
        done = subprocess.run(
            [TOOLS / "pre-commit", "run", "--files", name, "--color=never"],
            cwd=clone,
            env={"PATH": f"{TOOLS}:{os.environ['PATH']}", "HOME": str(clone), "PRE_COMMIT_HOME": str(clone / ".cache")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        found[text] = [line.partition(".")[0] for line in done.stdout.splitlines() if line.endswith("Failed")]
    assert hook in found[bad]
    assert found[good] == []
