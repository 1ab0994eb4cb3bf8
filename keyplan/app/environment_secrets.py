"""Finds the secrets in the environment that libraries read on their own, so that they are hidden like keyplan's own.

A server that gets such a secret may answer with it. No variable is used here for anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyplan.model.mask import note_credential

_SECRETS = (
    *("ARIZE_API_KEY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"),
    *("CI_JOB_JWT_V2", "CI_JOB_TOKEN", "GITLAB_TOKEN", "BAO_TOKEN", "VAULT_TOKEN"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_CLIENT_SECRET", "AZURE_PASSWORD", "IDENTITY_HEADER"),
    *("PGPASSWORD", "SOPS_AGE_KEY"),
)
"""As the providers' own documentation of their clients names them; each holds one secret."""
_URLS = ("KEYPLAN_LEDGER", "KEYPLAN_LEDGER_DSN", "KEYPLAN_NOTIFY")
_PROXIES = frozenset({"all_proxy", "ftp_proxy", "http_proxy", "https_proxy"})
"""In either case; curl(1), "ENVIRONMENT"."""


def names_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret, or may."""
    return name in _SECRETS or name in _URLS or name.lower() in _PROXIES


def note_environment(environment: Mapping[str, str]) -> None:
    """Hide the secrets that stand in an environment from now on.

    Called once in each run, before anything of the manifest is used.
    """
    for secret in _find_secrets(environment):
        note_credential(secret)


def _find_secrets(environment: Mapping[str, str]) -> Iterator[str]:
    yield from (environment[name] for name in _SECRETS if environment.get(name))
    for name in _URLS:
        # Not a path, which KEYPLAN_LEDGER may hold: that is shown.
        yield from (url for url in environment.get(name, "").split() if "://" in url)
    for name, url in environment.items():
        if name.lower() in _PROXIES and "@" in url:
            # Of a proxy without a scheme, clients take http (curl(1), "--proxy").
            yield url if "://" in url else f"http://{url}"
