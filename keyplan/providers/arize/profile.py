"""Reads the profiles of the `ax` command line: where the API is, and the API key that they hold.

Source: the package arize-ax-cli, its modules ax.config.manager and ax.config.schema: TOML at ~/.arize/config.toml for
`default`, else ~/.arize/profiles/NAME.toml, with ${VARIABLE} and ${VARIABLE:default} in its texts. No message may quote
what a profile holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from keyplan.errors import InputError
from keyplan.model.secret import Credential
from keyplan.system.secrets import MAX_SECRET_BYTES, is_header_safe

DEFAULT_PROFILE = "default"
_ROUTES = {
    "region": "ARIZE_REGION",
    "single_host": "ARIZE_SINGLE_HOST",
    "single_port": "ARIZE_SINGLE_PORT",
    "base_domain": "ARIZE_BASE_DOMAIN",
    "api_host": "ARIZE_API_HOST",
    "api_scheme": "ARIZE_API_SCHEME",
}
"""The settings of the section `routing`, by the variables that mean the same."""
_REFERENCE = re.compile(r"\$\{([^}:]+)(?::([^}]*))?\}")


def read_routes(name: str, environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return where a profile says that the API is, as the variables that mean the same.

    Raises:
        InputError: The profile cannot be read, or refers to a variable that is not set.
    """
    section = _read_section(name, "routing", environment)
    given = {variable: section[field] for field, variable in _ROUTES.items() if section.get(field)}
    return {variable: _expand(str(value), name, environment) for variable, value in given.items()}


def read_key(name: str, environment: Mapping[str, str]) -> Credential:
    """Return the API key of a profile.

    Raises:
        InputError: The profile cannot be read, holds no API key, or refers to a variable that is not set.
    """
    written = _read_section(name, "auth", environment).get("api_key")
    if not isinstance(written, str) or not written.strip():
        raise InputError(
            f"the ax profile '{name}' holds no API key",
            advice="keyplan cannot sign in with OAuth: set ARIZE_API_KEY, or make a profile with an API key",
        )
    # The `ax` command line takes blanks around the key away, too.
    text = _expand(written, name, environment).strip()
    if not text or not is_header_safe(text):
        raise InputError(f"the API key of the ax profile '{name}' is empty, or holds what a header cannot carry")
    return Credential(text)


def list_variables(name: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the variables that the API key of a profile refers to; none if the profile cannot be read."""
    try:
        written = _read_section(name, "auth", environment).get("api_key")
    except InputError:
        return
    yield from (found[1] for found in _REFERENCE.finditer(str(written or "")))


def _read_section(name: str, section: str, environment: Mapping[str, str]) -> Mapping[str, Any]:
    path = _find_path(name, environment)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"the ax profile '{name}' cannot be read: {path}: {error.strerror}",
            advice="see which ones there are: ax profiles list",
        ) from error
    import tomllib  # noqa: PLC0415 - 1 ms of every start, and few manifests name a profile

    try:
        found = tomllib.loads(content.decode()) if len(content) <= MAX_SECRET_BYTES else None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        found = None
    values = found.get(section, {}) if found is not None else None
    if not isinstance(values, Mapping):
        # From None and without a reason: a parser's words could quote the key.
        raise InputError(f"the ax profile '{name}' is not what ax writes: {path}") from None
    return values


def _find_path(name: str, environment: Mapping[str, str]) -> Path:
    if not environment.get("HOME"):
        raise InputError(f"the ax profile '{name}' cannot be found: HOME is not set")
    folder = Path(environment["HOME"], ".arize")
    return folder / "config.toml" if name == DEFAULT_PROFILE else folder / "profiles" / f"{name}.toml"


def _expand(text: str, name: str, environment: Mapping[str, str]) -> str:
    def look_up(found: re.Match[str]) -> str:
        value = environment.get(found[1], found[2])
        if value is None:
            raise InputError(f"the ax profile '{name}' refers to the variable {found[1]}, which is not set")
        return value

    return _REFERENCE.sub(look_up, text)
