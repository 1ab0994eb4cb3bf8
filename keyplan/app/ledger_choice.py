"""Which ledger a run uses: the manifest's, or the path or URL that --ledger or KEYPLAN_LEDGER names.

No message may quote a URL: it can hold a password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from keyplan.app import registry
from keyplan.app.wiring import LEDGERS
from keyplan.errors import InputError
from keyplan.ledgers.sqlite import DEFAULT_PATH
from keyplan.model.manifest import Json, LedgerSettings, Manifest
from keyplan.model.quotes import quote, suggest

LedgerName: TypeAlias = str | os.PathLike[str]
"""What a user names a ledger by: the path of a file, or a URL."""
SQLITE = LedgerSettings().type
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
_PATH_PREFIX = f"{SQLITE}:"


def choose_ledger(manifest: Manifest, folder: Path, named: LedgerName | None, *, start: Path) -> LedgerSettings:
    """Return the manifest's ledger, or the one that was named in its place; the path of a file is absolute.

    `folder` is the manifest's, where its own paths start; `start` is where a named path starts.

    Raises:
        InputError: No installed ledger reads the URL; or the manifest names a ledger for many machines and another one
            was named: two ledgers of one account would let two applies run at the same time.
    """
    own = manifest.ledger
    if named is None:
        return _with_path(own, folder / str(own.options.get("path", DEFAULT_PATH))) if own.type == SQLITE else own
    chosen = read_ledger_name(named, start=start, lease=own.lease)
    if own.type not in {SQLITE, chosen.type} or (own.type == chosen.type != SQLITE and own.options != chosen.options):
        what = "a file" if chosen.type == SQLITE else "another one"
        raise InputError(
            f"the ledger of {manifest.path} is of type '{own.type}', and --ledger names {what}",
            advice="leave out --ledger and KEYPLAN_LEDGER, or take 'ledger' out of the manifest",
        )
    return chosen


def read_ledger_name(named: LedgerName, *, start: Path, lease: timedelta) -> LedgerSettings:
    """Return the ledger that a path or a URL means; a path starts at `start`. Raises InputError as `choose_ledger`."""
    return replace(_read_name(os.fspath(named), start), lease=lease)


def is_url(named: str) -> bool:
    """Whether a ledger's name is a URL."""
    return _URL.match(named) is not None


def has_password(named: str) -> bool:
    """Whether a ledger's name is a URL with a password in it; in doubt it has one."""
    found = _URL.match(named)
    if found is None:
        return False
    authority = re.split(r"[/?#]", named[found.end() :], maxsplit=1)[0]
    user, at, host = authority.rpartition("@")
    # A password with a slash in it ends the authority too early: then there is something else than a port.
    _, colon, port = host.rpartition(":")
    is_odd = bool(colon) and not port.isdigit() and not host.endswith("]")
    is_in_authority = ":" in user if at else is_odd
    return is_in_authority or re.search(r"[?&][^=&]*password[^=&]*=", named, re.IGNORECASE) is not None


def _read_name(named: str, start: Path) -> LedgerSettings:
    found = _URL.match(named)
    if found is None:
        return _with_path(LedgerSettings(), start / named.removeprefix(_PATH_PREFIX))
    scheme = found["scheme"].lower()
    modules = _find_readers()
    if scheme not in modules:
        hint = suggest(scheme, modules) or f"; known are: {', '.join(f'{one}://' for one in sorted(modules))}"
        raise InputError(f"no ledger reads URLs with the scheme {quote(scheme)}{hint}")
    name, module = modules[scheme]
    options: Mapping[str, Json] = module.read_url(named)
    return LedgerSettings(type=name, options=options)


def _find_readers() -> Mapping[str, tuple[str, ModuleType]]:
    """Return type and module of the ledger that reads the URLs of each scheme."""
    modules: dict[str, tuple[str, ModuleType]] = {}
    for name in registry.list_types(LEDGERS):
        # A ledger of another package that can't be loaded is not a reason to refuse the others.
        with suppress(InputError):
            module = registry.load(LEDGERS, name)
            modules |= dict.fromkeys(getattr(module, "SCHEMES", ()), (name, module))
    return modules


def _with_path(settings: LedgerSettings, path: Path) -> LedgerSettings:
    return replace(settings, type=SQLITE, options={**settings.options, "path": str(path)})
