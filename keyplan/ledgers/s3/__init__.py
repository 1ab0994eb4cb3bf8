"""The ledger `s3`: small JSON objects in a bucket of S3, or of a store that is compatible with it, for many machines.

Loading this package must not import boto3: `keyplan validate` needs only the options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyplan.ledgers.s3.options import OPTIONS, SCHEMES, read_url

if TYPE_CHECKING:
    from keyplan.context import PluginContext
    from keyplan.model.manifest import LedgerSettings
    from keyplan.ports import Ledger, LedgerReader

__all__ = ["OPTIONS", "SCHEMES", "build", "build_reader", "read_url"]


def build_reader(settings: LedgerSettings, context: PluginContext, *, account: str) -> LedgerReader:
    """Return a reader of the ledger, which need not exist; `account` is the provider's base URL. Nothing is sent yet.

    Raises InputError if boto3 is missing or can't be set up.
    """
    from keyplan.ledgers.s3.ledger import open_reader  # noqa: PLC0415 - so that the options alone load in no time

    return open_reader(settings, context, account=account)


def build(settings: LedgerSettings, context: PluginContext, *, account: str) -> Ledger:
    """Return the ledger; the first write creates its objects. Nothing is sent yet.

    Raises InputError if boto3 is missing or can't be set up.
    """
    from keyplan.ledgers.s3.ledger import open_ledger  # noqa: PLC0415 - so that the options alone load in no time

    return open_ledger(settings, context, account=account)
