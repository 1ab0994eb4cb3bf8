"""What the user lays over a manifest: overlays, and values of its variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keyplan.errors import InputError
from keyplan.model.quotes import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The same for every manifest of a run; paths start at the working directory."""

    overlays: tuple[str, ...] = ()
    """Files that are laid over the manifest, in this order."""
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Values by the names of variables; they win over `var_files`."""
    var_files: tuple[str, ...] = ()
    """YAML files of such values; the last one wins."""

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is read for them."""
        return (*self.overlays, *self.var_files)

    @property
    def words(self) -> Iterator[str]:
        """The options of the command line that say the same."""
        for name in self.overlays:
            yield from ("--overlay", name)
        for name in self.var_files:
            yield from ("--var-file", name)
        for name, value in self.variables.items():
            yield from ("--var", f"{name}={value}")


NO_LAYERS = Layers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a manifest is read in: the user's layers, where their paths start, and the environment."""

    layers: Layers = NO_LAYERS
    folder: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


ALONE = Surroundings()
"""Of a text that is read alone."""


def read_assignments(texts: tuple[str, ...]) -> dict[str, str]:
    """Return values by name from texts such as ``stage=production``; the last one of a name wins. Raises InputError."""
    given: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise InputError(f"--var {quote(text)} is not NAME=VALUE", advice="for example --var stage=production")
        given[name] = value
    return given
