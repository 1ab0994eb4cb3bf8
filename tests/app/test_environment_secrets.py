"""Secrets that SDKs take out of the environment are hidden, and nothing else of it."""

from __future__ import annotations

import pytest

from keyplan.app.environment_secrets import note_environment
from keyplan.model.mask import hide

SECRET = "s3cr3t-0123456789-abcdef"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", SECRET),
        ("AZURE_CLIENT_SECRET", SECRET),
        ("GITHUB_TOKEN", SECRET),
        ("PGPASSWORD", SECRET),
        ("VAULT_TOKEN", SECRET),
        ("HTTPS_PROXY", f"http://someone:{SECRET}@proxy.example.com:3128"),
        ("https_proxy", f"someone:{SECRET}@proxy.example.com:3128"),
        ("KEYPLAN_LEDGER", f"postgresql://keyplan:{SECRET}@db.example.com/keys"),
        ("KEYPLAN_NOTIFY", f"https://one.example.com/ https://two.example.com/in/{SECRET}"),
    ],
)
def test_the_secret_in_a_variable_is_hidden(name: str, value: str) -> None:
    note_environment({name: value})
    assert SECRET not in hide(f"the server says {SECRET}")
    assert (
        hide("proxy.example.com db.example.com two.example.com") == "proxy.example.com db.example.com two.example.com"
    )


def test_a_path_of_a_ledger_and_other_variables_are_shown() -> None:
    note_environment({"KEYPLAN_LEDGER": "/var/lib/keyplan/ledger.db", "HOME": "/home/someone-like-you", "CI": "true"})
    assert (
        hide("/var/lib/keyplan/ledger.db /home/someone-like-you") == "/var/lib/keyplan/ledger.db /home/someone-like-you"
    )
