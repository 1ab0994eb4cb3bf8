"""Which backend the keyring library would use, and whether it may hold a raw key.

A backend that keeps plain files, or keeps nothing, must never be accepted: the library falls back to such backends
without a warning.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Protocol

from keyplan.errors import SinkDeniedError, SinkUnavailableError

GUARDING = frozenset(
    {
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
        "keyring.backends.libsecret.Keyring",
        "keyring.backends.macOS.Keyring",
        "keyring.backends.Windows.WinVaultKeyring",
    }
)
"""Used if the library finds them on its own."""
_CHAIN = "keyring.backends.chainer.ChainerBackend"
_UNFIT = ("keyring.backends.fail.", "keyring.backends.null.", "keyring.backends.chainer.", "keyrings.alt.")
"""Refused even if the manifest names them: no store, a store that forgets, several at once, files of text."""
_ADVICE = "log in to a desktop session with a Secret Service (gnome-keyring, KWallet), or choose another sink"


class Backend(Protocol):
    """What is used of a backend of the library."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return a secret; None if there is none."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store a secret in place of the former one."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Remove a secret."""
        ...


def find_backend(library: ModuleType | Any, wanted: str | None) -> Backend:
    """Return the backend that is wanted, else the one that the library finds.

    Raises SinkDeniedError, which names the backend that was found, if it may not be trusted; SinkUnavailableError
    if the wanted one can't be used on this machine.
    """
    try:
        found = library.get_keyring() if wanted is None else library.core.load_keyring(wanted)
    except (ImportError, AttributeError, RuntimeError, OSError) as error:
        named = wanted or "of PYTHON_KEYRING_BACKEND or keyringrc.cfg"
        raise SinkUnavailableError(f"keyring: backend {named} can't be used: {error}", advice=_ADVICE) from error
    return _unchain(found) if wanted is None else _trusted(found, is_named=True)


def name_of(backend: object) -> str:
    """Return the full name of a backend's class."""
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def _unchain(found: Any) -> Backend:
    """Return the backend, of a chain the first one, to which the chain would write."""
    if name_of(found) == _CHAIN and found.backends:
        return _trusted(found.backends[0], is_named=False)
    return _trusted(found, is_named=False)


def _trusted(backend: Any, *, is_named: bool) -> Backend:
    name = name_of(backend)
    if name.startswith(_UNFIT):
        raise SinkDeniedError(
            f"keyring: the backend that was found is {name}, which guards no secret: nothing is stored in it",
            advice=_ADVICE,
        )
    if name not in GUARDING and not is_named:
        raise SinkDeniedError(
            f"keyring: the backend that was found is {name}, which keyplan does not know",
            advice=f"if it is to be trusted, say 'backend: {name}' on this sink",
        )
    found: Backend = backend
    return found
