"""A writer of keys that has each new raw key masked in a log before anybody can do anything with it.

In: a writer, and a mask. Out: the same writer. Never: a raw key that is lost because it could not be masked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyplan.model.desired import Desired
from keyplan.model.manifest import KeyId
from keyplan.model.secret import RawKey
from keyplan.ports import Issued, KeyWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingWriter:
    """Implements `KeyWriter` with another one."""

    writer: KeyWriter
    mask: Callable[[RawKey], None]
    """Announces a raw key to whoever keeps the log. Never raises."""

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Make a key and mask its raw key; raises what the writer raises."""
        return self._masked(self.writer.create(desired, expires_at=expires_at))

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Give a key a new raw key and mask it; raises what the writer raises."""
        return self._masked(self.writer.refresh(key_id, expires_at=expires_at, grace=grace))

    def delete(self, key_id: KeyId) -> None:
        """End a key, as the writer does."""
        self.writer.delete(key_id)

    def verify(self, raw: RawKey) -> bool:
        """Whether the provider accepts this raw key, as the writer says."""
        return self.writer.verify(raw)

    def _masked(self, issued: Issued) -> Issued:
        self.mask(issued.raw)
        return issued
