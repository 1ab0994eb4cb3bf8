"""Puts provider, sinks, ledger, clock and chance together from settings: the one place that knows the plugins.

Only plugins that the manifest names are loaded, and no port is used here.
"""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path
from random import SystemRandom
from typing import Protocol

from keyplan.app import registry
from keyplan.app.announcements import announce
from keyplan.app.credential_users import LEDGER_USER, PROVIDER_USER, CredentialUser, find_user
from keyplan.app.environment_secrets import note_environment
from keyplan.app.plugin_files import make_file_reader
from keyplan.app.secret_variables import list_secret_variables
from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.identity import Lineage, SinkName
from keyplan.model.ledger import Holder
from keyplan.model.manifest import LedgerSettings, Manifest, ProviderSettings, SecretSource
from keyplan.model.mask import SHORTEST
from keyplan.model.secret import Credential
from keyplan.ports import Clock, Ledger, LedgerReader, ProviderPorts, ReaderPorts, Sink
from keyplan.renderers.sanitize import sanitize
from keyplan.system import environment as own_environment
from keyplan.system.clock import SystemClock
from keyplan.system.secrets import name_source, resolve

PROVIDERS, SINKS, LEDGERS = "keyplan.providers", "keyplan.sinks", "keyplan.ledgers"


class Wiring(Protocol):
    """Makes ports; tests implement it with a simulated world."""

    @property
    def clock(self) -> Clock:
        """Time and waiting."""
        ...

    def keep_secrets(self, manifest: Manifest) -> None:
        """Keep the variables that hold secrets of a manifest from all programs that are run from now on."""
        ...

    def provider(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ProviderPorts:
        """Return reader and writer of the provider. Raises InputError if settings or credential are unusable."""
        ...

    def key_reader(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ReaderPorts:
        """Return the reader alone, with the reader's own credential if the settings name one.

        Raises InputError if settings or credential are unusable.
        """
        ...

    def sinks(self, manifest: Manifest, *, folder: Path) -> Mapping[SinkName, Sink]:
        """Return every configured sink. Raises InputError or SinkError if one is unusable."""
        ...

    def ledger_reader(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> LedgerReader:
        """Return a ledger that is only read, whether it exists or not. `account` is the provider's base URL.

        Raises InputError if the settings are unusable.
        """
        ...

    def ledger(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> Ledger:
        """Return the ledger. Raises InputError if the settings are unusable, LedgerError if it cannot be opened."""
        ...

    def holder(self, command: str) -> Holder:
        """Return this process as a holder of locks."""
        ...


class PluginWiring:
    """Implements `Wiring` with the plugins that are installed."""

    def __init__(
        self,
        environment: Mapping[str, str],
        say: Callable[[str], None],
        *,
        clock: Clock | None = None,
        drop: Callable[[Collection[str]], None] = lambda _variables: None,
        announced_by: str = "",
    ) -> None:
        """`drop` removes variables from the environment of the process itself, if it is keyplan's own.

        `announced_by` is the version that announces once on each machine; without it, nothing is remembered there.
        """
        self._environment = environment
        self._drop = drop
        self._announced_by = announced_by
        self._secret_variables = list_secret_variables(None, environment)
        self._say = say
        self._said: set[str] = set()
        self._clock = clock or SystemClock()
        note_environment(environment)

    @property
    def clock(self) -> Clock:
        """The machine's clock, or the one that was handed in."""
        return self._clock

    def keep_secrets(self, manifest: Manifest) -> None:
        """Add the variables of a manifest; those of every manifest are kept from the programs of all."""
        self._secret_variables |= list_secret_variables(manifest, self._environment)
        self._drop(self._secret_variables)

    def provider(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ProviderPorts:
        """Return what the provider's module builds."""
        module = registry.load(PROVIDERS, settings.type)
        ports: ProviderPorts = module.build(settings, self._context(lineage, folder, PROVIDER_USER))
        return ports

    def key_reader(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ReaderPorts:
        """Return what the provider's module builds for reading."""
        module = registry.load(PROVIDERS, settings.type)
        ports: ReaderPorts = module.build_reader(settings, self._context(lineage, folder, PROVIDER_USER))
        return ports

    def sinks(self, manifest: Manifest, *, folder: Path) -> Mapping[SinkName, Sink]:
        """Return what each sink's module builds."""
        self.keep_secrets(manifest)
        return {
            name: registry.load(SINKS, settings.type).build(
                settings, self._context(manifest.lineage, folder, find_user(settings))
            )
            for name, settings in manifest.sinks.items()
        }

    def ledger_reader(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> LedgerReader:
        """Return what the ledger's module builds for reading."""
        module = registry.load(LEDGERS, settings.type)
        reader: LedgerReader = module.build_reader(
            settings, self._context(lineage, folder, LEDGER_USER), account=account
        )
        return reader

    def ledger(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> Ledger:
        """Return what the ledger's module builds."""
        module = registry.load(LEDGERS, settings.type)
        ledger: Ledger = module.build(settings, self._context(lineage, folder, LEDGER_USER), account=account)
        return ledger

    def holder(self, command: str) -> Holder:
        """Return this process: its user, host and number."""
        return Holder(
            id=secrets.token_hex(4),
            owner=current_user(),
            host=socket.gethostname(),
            pid=os.getpid(),
            since=self._clock.now(),
            command=command,
        )

    def _context(self, lineage: Lineage, folder: Path, user: CredentialUser) -> PluginContext:
        return PluginContext(
            folder=str(folder),
            lineage=lineage,
            clock=self._clock,
            jitter=jitter,
            resolve=lambda source: self._resolve(source, folder, user),
            environment=self._environment,
            say=self._say_once,
            say_once=self._announce,
            read_file=make_file_reader(folder),
            credential_variables=self._secret_variables,
        )

    def _resolve(self, source: SecretSource, folder: Path, user: CredentialUser) -> Credential:
        try:
            credential = resolve(
                source, environment=self._environment, folder=str(folder), hidden=self._secret_variables
            )
        except InputError as error:
            raise user.explain(error, source) from error
        if credential.is_short():
            self._say_once(
                f"{name_source(source)} holds fewer than {SHORTEST} characters: too few to mask them in the output "
                "if a server repeats them"
            )
        return credential

    def _say_once(self, text: str) -> None:
        """Print a line, unless an adapter of another manifest in this run printed it before."""
        if text not in self._said:
            self._said.add(text)
            self._say(sanitize(text, width=1000))

    def _announce(self, text: str) -> None:
        """Print a line as `_say_once` does, unless this version printed it on this machine before."""
        if self._announced_by:
            announce(text, self._environment, self._say_once, version=self._announced_by)
        else:
            # A program that shows no user anything must not use up what the next command has to show.
            self._say_once(text)


@cache
def shield() -> Callable[[Collection[str]], None]:
    """Blank what others can read of the process's environment; return what removes variables from it.

    For a process that is keyplan's own, before it runs any program or thread.
    """
    own_environment.blank()
    return own_environment.drop


def jitter(limit: float) -> float:
    """Return a random number between 0 and the limit."""
    return SystemRandom().uniform(0, limit)


def current_user(look_up: Callable[[], str] = getpass.getuser) -> str:
    """Return who runs this; the number of the user where it has no name, as in a container."""
    try:
        return look_up()
    except (OSError, KeyError):  # Python 3.13 raises the first, earlier ones the second
        return str(os.getuid())
