"""What a plugin gets of the world beside its own settings.

A provider, sink or ledger reaches folder, clock, chance, environment and secrets through the context alone, never
through `os.environ`, `datetime.now()` or `random`. So a test replaces each of them in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from keyplan.errors import InputError
from keyplan.model.checked_file import CheckedFile, ReadFile
from keyplan.model.identity import Lineage
from keyplan.model.manifest import SecretSource
from keyplan.model.secret import Credential
from keyplan.ports import Clock


def _read_no_file(path: str, _schema: str) -> CheckedFile:
    raise InputError(f"{path} is not read here")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """Passed to `build` and `build_reader` of every provider, sink and ledger."""

    folder: str
    """Absolute path of the folder that relative paths of the manifest start from."""
    lineage: Lineage
    """Who the manifest is: whose mark a sink writes, whose ledger a ledger is; and whose marks it may take over."""
    clock: Clock
    jitter: Callable[[float], float]
    """Return a random number between 0 and the argument, uniformly."""
    resolve: Callable[[SecretSource], Credential]
    """Fetch a secret; raises InputError that names the source, never the secret.

    Fetch it at the first call that needs it, not in `build`: a program may ask the user for a password.
    """
    environment: Mapping[str, str] = field(repr=False)
    """The process's environment at start."""
    say: Callable[[str], None]
    """Print one line to the user on stderr (a notice or warning); never an answer."""
    say_once: Callable[[str], None] | None = None
    """Print one line as `say` does, once per machine and version of keyplan; None stands for `say`."""
    read_file: ReadFile = _read_no_file
    """Read a YAML file that an option names, relative to `folder`, and check it against a schema of keyplan's."""
    credential_variables: frozenset[str] = frozenset({"ARIZE_API_KEY"})
    """Variables of the environment that hold keyplan's own credential, or another secret of this run.

    No program that a plugin runs gets them: it could read, and leak, more than the one key that it is given.
    """

    def announce(self, text: str) -> None:
        """Print one line that a user needs once, not in each run."""
        (self.say_once or self.say)(text)

    @property
    def owner(self) -> str:
        """The manifest's owner slug."""
        return self.lineage.identity.owner
