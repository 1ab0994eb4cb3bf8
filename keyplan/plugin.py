"""What a plugin is given beside its own options: folder, clock, chance, environment and secrets.

Everything that an adapter may not reach by itself comes in here, so that tests replace it in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from keyplan.model.manifest import SecretSource
from keyplan.model.secret import Credential
from keyplan.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Passed to the `build` function of every provider, sink and ledger."""

    folder: str
    """Absolute path of the folder that relative paths of the manifest start from."""
    owner: str
    """The manifest's owner slug."""
    clock: Clock
    jitter: Callable[[float], float]
    """Return a random number between 0 and the argument, uniformly."""
    resolve: Callable[[SecretSource], Credential]
    """Fetch a secret; raises InputError that names the source, never the secret."""
    environment: Mapping[str, str] = field(repr=False)
    """The process's environment at start."""
    say: Callable[[str], None]
    """Tell the user one line on stderr (a notice or warning); never an answer."""
    credential_variables: frozenset[str] = frozenset({"ARIZE_API_KEY"})
    """Variables of the environment that hold keyplan's own credential: no program that a sink runs gets them."""
