"""Where the ledgers of worlds are while something runs in them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from upgrades.in_sqlite import SqliteWorldLedger


class WorldLedger(Protocol):
    """A ledger that nothing is in yet; what a run puts there gets into files, and what is in files gets back there."""

    @property
    def name(self) -> str:
        """Its type."""
        ...

    @property
    def declared(self) -> str:
        """What the manifest says of it, in YAML."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """What a run needs to reach it."""
        ...

    @property
    def placeholders(self) -> Mapping[str, str]:
        """What is another one each time in the manifest, and what the file says in its place."""
        ...

    def save(self, folder: Path, target: Path, changed: Mapping[str, str]) -> None:
        """Write all of it into `target`; `folder` is where runs work.

        What a digest covers, as history does, keeps addresses that are to be changed.
        """
        ...

    def load(self, world: Path, folder: Path, changed: Mapping[str, str]) -> None:
        """Fill it with what was saved in a world."""
        ...

    def lose(self, folder: Path) -> None:
        """Remove all of it."""
        ...

    def read_tables(self, folder: Path) -> str:
        """Return what its database says of its tables now; empty if it has none."""
        ...


OpenLedger = Callable[[str], WorldLedger]
"""From the type to a new ledger."""


@contextmanager
def _running_sqlite() -> Iterator[Callable[[], WorldLedger]]:
    yield SqliteWorldLedger


@contextmanager
def _running_postgres() -> Iterator[Callable[[], WorldLedger]]:
    from ledgers.postgres.servers import running_postgres  # noqa: PLC0415 - only where it is installed
    from upgrades.in_postgres import PostgresWorldLedger  # noqa: PLC0415 - only where it is installed

    with running_postgres() as server:
        yield lambda: PostgresWorldLedger(server)


@contextmanager
def _running_s3() -> Iterator[Callable[[], WorldLedger]]:
    from ledgers.s3.store_proxy import proxying  # noqa: PLC0415 - beside the next ones
    from sinks.aws_servers import emulating  # noqa: PLC0415 - only where it is installed
    from upgrades.in_s3 import S3WorldLedger  # noqa: PLC0415 - only where it is installed

    with (
        tempfile.TemporaryDirectory() as folder,
        emulating("moto", Path(folder)) as server,
        proxying(server.url) as proxy,
    ):
        yield lambda: S3WorldLedger(server, proxy)


LEDGERS: Mapping[str, Callable[[], AbstractContextManager[Callable[[], WorldLedger]]]] = {
    "sqlite": _running_sqlite,
    "postgres": _running_postgres,
    "s3": _running_s3,
}
"""By type: what runs its server, and yields how a new ledger is made there."""


@contextmanager
def serving_ledgers() -> Iterator[OpenLedger]:
    """Yield what makes a ledger; the server of each type starts with the first of it, and ends with the block."""
    with ExitStack() as stack:
        makers: dict[str, Callable[[], WorldLedger]] = {}

        def open_ledger(name: str) -> WorldLedger:
            if name not in makers:
                makers[name] = stack.enter_context(LEDGERS[name]())
            return makers[name]()

        yield open_ledger
