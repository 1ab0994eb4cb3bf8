"""Change name or description of a key whose raw key stays: for providers whose laws name editable fields.

No raw key passes through here. An update can be repeated, so it needs no intent.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.applier.deliver import annotate
from keyplan.applier.outcome import TRIES_AGAIN, fail
from keyplan.applier.workbench import Workbench
from keyplan.errors import InputError, KeyplanError, LedgerError
from keyplan.model.basis import RefreshBasis, UpdateBasis
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId
from keyplan.model.observation import Observation
from keyplan.model.plan import PlannedAction
from keyplan.model.report import Done, Outcome
from keyplan.model.texts import digest_texts
from keyplan.ports import Editor, KeyWriter


def edit(writer: KeyWriter, key_id: KeyId, desired: Desired) -> Observation:
    """Give a key the declared texts, by a writer that can. Raises ProviderError; InputError for one that can't."""
    if not isinstance(writer, Editor):
        raise InputError("this provider's keys can't be changed", advice="report it to the author of the provider")
    return writer.update(key_id, desired)


def update(action: PlannedAction, basis: UpdateBasis, bench: Workbench) -> Outcome:
    """Change the texts of a key, then bring its receipts up to date."""
    asked = basis.desired.texts_digest
    try:
        key = edit(bench.writer, basis.key.id, basis.desired)
        answered = digest_texts(key.name, key.description)
        receipt = replace(basis.receipt, asked=asked, answered=answered if answered != asked else "")
        annotate(basis.outdated, receipt, bench)
        # The ledger last, so that what it calls settled is settled in the sinks as well.
        bench.record(receipt)
        if former := action.previous_address:
            bench.retry(lambda: bench.ledger.forget(former), on=LedgerError)
    except KeyplanError as error:
        return fail(action, error, TRIES_AGAIN)
    return Done(action=action, key_id=basis.key.id)


def update_texts(action: PlannedAction, basis: RefreshBasis, bench: Workbench) -> None:
    """Change the texts of a key that is about to be refreshed, if they differ. Raises ProviderError.

    Before the refresh, because the receipt remembers the texts that its answer shows.
    """
    editable = bench.reader.laws().editable
    if any(change.field in editable for change in action.changes):
        edit(bench.writer, basis.key.id, basis.desired)
