"""Every variable that holds a secret of a run is known before a program is run."""

from __future__ import annotations

from pathlib import Path

import pytest

import keyplan
from keyplan.app.secret_variables import list_secret_variables

ALWAYS = {"ARIZE_API_KEY", "KEYPLAN_LEDGER_DSN", "KEYPLAN_NOTIFY"}


def test_without_a_manifest_it_is_what_keyplan_reads_by_default() -> None:
    assert list_secret_variables(None, {}) == ALWAYS


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        pytest.param("postgresql://u:pw@db/keys", {"KEYPLAN_LEDGER"}, id="a URL may hold a password"),
        pytest.param("/state/ledger.db", set(), id="a path holds none"),
    ],
)
def test_the_ledger_of_the_environment_counts_if_it_is_a_url(ledger: str, expected: set[str]) -> None:
    assert list_secret_variables(None, {"KEYPLAN_LEDGER": ledger}) == ALWAYS | expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("provider: {credential: {env: OWN}}", {"OWN"}, id="credential"),
        pytest.param("provider: {reader_credential: {env: READER}}", {"READER"}, id="reader's credential"),
        pytest.param(
            "providers: {a: {type: arize}, b: {type: arize, credential: {env: B}, reader_credential: {env: R}}}\n"
            "defaults: {provider: a}",
            {"B", "R"},
            id="credentials of each provider",
        ),
        pytest.param("ledger: {type: postgres, dsn: {env: DATABASE}}", {"DATABASE"}, id="ledger"),
        pytest.param(
            "sinks: {v: {type: vault, path: p, address: 'https://v', auth: {method: approle, role_id: r, "
            "secret_id: {env: ROLE}}}}",
            {"ROLE", "VAULT_TOKEN", "BAO_TOKEN"},
            id="deep in a sink",
        ),
        pytest.param("sinks: {g: {type: github-actions, repository: acme/app}}", {"GITHUB_TOKEN"}, id="GitHub"),
        pytest.param("sinks: {g: {type: gitlab-ci, project: acme/app}}", {"GITLAB_TOKEN"}, id="GitLab"),
        pytest.param("sinks: {c: {type: command, argv: [env, VAULT_TOKEN]}}", set(), id="an argument is no secret"),
    ],
)
def test_a_manifest_adds_its_own(lines: str, expected: set[str], tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(f"version: 1\nowner: ml\n{lines}\nkeys: []\n")
    assert list_secret_variables(keyplan.read_manifest(path), {}) == ALWAYS | expected


def test_a_variable_in_the_key_of_a_profile_is_secret(tmp_path: Path) -> None:
    (tmp_path / ".arize").mkdir()
    (tmp_path / ".arize" / "config.toml").write_text('[auth]\napi_key = "${ARIZE_CI_KEY}"\n')
    path = tmp_path / "keys.yaml"
    path.write_text("version: 1\nowner: ml\nprovider: {profile: default}\nkeys: []\n")
    found = list_secret_variables(keyplan.read_manifest(path), {"HOME": str(tmp_path)})
    assert found == ALWAYS | {"ARIZE_CI_KEY"}
