"""Makes one run at a time note an intent beside a field, on a server that compares no metadata.

HashiCorp Vault changes entries of custom metadata one by one, and knows no check-and-set there: a run adds a claim, an
entry of its own, and notes its intent only if it sees no other claim and no other note. What a paused run still writes
can't be kept out; it is refused with its value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from keyplan.model.intent import Intent
from keyplan.model.times import read_time, write_time
from keyplan.sinks import claims
from keyplan.sinks.vault.client import VaultClient, VaultSecret
from keyplan.sinks.vault.errors import explain_conflict
from keyplan.sinks.vault.notes import VaultNotes, name_run
from keyplan.sinks.vault.state import VaultField

_LIFE = timedelta(seconds=60)
"""After so long, by the server's clock, a claim is one of a run that died between its claim and its note."""


class Claimant:
    """Adds and removes claims on one server."""

    def __init__(self, client: VaultClient, *, give_way: Callable[[int], None]) -> None:
        self._client = client
        self._give_way = give_way

    def claim(self, found: VaultField, intent: Intent) -> Mapping[str, str | None]:
        """Return what to change together with the note, once no other run is about to note an intent.

        Raises VaultConflictError if another run is, or has.
        """
        target, secret = found.target, found.secret
        own = _prefix(found) + name_run(intent)
        since = write_time(secret.seen_at) if secret.seen_at else ""
        self._client.note(target.mount, target.path, {own: since}, secret=secret)
        ended: dict[str, str | None] = {own: None}

        def find_others() -> list[str]:
            now = self._client.look(target.mount, target.path, values=False)
            if VaultNotes.of(now.entries).by_field.get(target.field) != found.note:
                # Lower than any claim: the other run was here, and what was decided no longer holds.
                return [""]
            others = {name for name in now.entries if name.startswith(_prefix(found)) and name != own}
            old = {name for name in others if _is_over(now, name)}
            ended.update(dict.fromkeys(old))
            return sorted(others - old)

        if not claims.is_won(own, find_others, give_way=self._give_way):
            self._client.note(target.mount, target.path, {own: None}, secret=secret)
            raise explain_conflict(target.mount, target.path)
        return ended


def _prefix(found: VaultField) -> str:
    return f"keyplan-claim.{found.target.field}-"


def _is_over(secret: VaultSecret, name: str) -> bool:
    try:
        since: datetime = read_time(secret.entries[name])
    except ValueError:
        return False
    return secret.seen_at is not None and secret.seen_at - since > _LIFE
