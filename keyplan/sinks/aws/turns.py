"""Makes one run at a time note an intent in a secret of AWS Secrets Manager, whose tags AWS changes for any writer.

Each run has tags of its own. Of those that are there, the one counts whose version carries the label KEYPLANLOCK, which
AWS moves only from where a run has seen it. A secret without a value can have no label: there, a run that sees the tags
of another one withdraws its own.
"""

from __future__ import annotations

from collections.abc import Callable

from keyplan.model.intent import Intent
from keyplan.sinks import claims
from keyplan.sinks.aws.notes import AwsNote, find_runs
from keyplan.sinks.aws.secrets_client import LOCK, SecretRecord, SecretsClient, make_token
from keyplan.sinks.value_store import StoreConflictError


def name_version(intent: Intent) -> str:
    """Return the version that proves the right to write, and that is locked for one attempt of one run."""
    return make_token("probe", intent.id, intent.run, str(intent.attempts))


def name_run(version: str) -> str:
    """Return what the tags of the run bear whose version it is."""
    return version.partition("-")[0]


def find_holder(record: SecretRecord) -> str:
    """Return which run has locked a secret; empty if none has."""
    return name_run(record.version_at(LOCK))


class SecretTurns:
    """Gives one run at a time its turn in one account and region."""

    def __init__(self, client: SecretsClient, *, give_way: Callable[[int], None]) -> None:
        self._client = client
        self._give_way = give_way

    def take(self, record: SecretRecord, note: AwsNote, prefix: str, version: str) -> None:
        """Note an intent, if no other run does.

        Raises StoreConflictError if another run was faster; then no tag is left of this one.
        """
        tags = note.intent_tags(prefix)
        self._client.mark(record.name, {**tags, **note.mark_tags()}, ())
        if record.current:
            try:
                self._client.lock(record, version)
            except StoreConflictError:
                self._client.mark(record.name, {}, sorted(tags))
                raise
        elif not claims.is_won(note.run, lambda: self._find_others(record, prefix, note.run), give_way=self._give_way):
            self._client.mark(record.name, {}, sorted(tags))
            raise StoreConflictError(f"{record.name}: another run is about to write it", advice="apply again")

    def _find_others(self, before: SecretRecord, prefix: str, run: str) -> list[str]:
        """Return the runs that came since a secret without a value was looked at."""
        now = self._client.describe(before.name)
        if now is None or now.is_deleted or now.current:
            # Lower than any run: what was decided no longer holds.
            return [""]
        return sorted(find_runs(now.tags, prefix) - find_runs(before.tags, prefix) - {run})
