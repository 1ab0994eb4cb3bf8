"""Plans of several manifests as one document, and the one digest that stands for all of them.

A single plan is its own document: users with one manifest never see a set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from keyplan.documents.plan import FORMAT_VERSION, check_version, digest, from_document, to_document
from keyplan.documents.report import Failure, write_failures
from keyplan.errors import PlanFileError
from keyplan.model.plan import Plan


def combine_digests(plans: Sequence[Plan]) -> str:
    """Return the digest of a single plan; for several, 64 hex digits that change with any of theirs, in any order."""
    digests = sorted(digest(plan) for plan in plans)
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode("ascii")).hexdigest()


def digest_to_approve(plans: Sequence[Plan]) -> str:
    """Return the one digest of all plans; empty if there is nothing to approve."""
    return combine_digests(plans) if any(plan.is_approvable for plan in plans) else ""


def to_documents(plans: Sequence[Plan], failures: Sequence[Failure] = ()) -> dict[str, Any]:
    """Return the plans as JSON values: a single one's own document, or a set that holds each of theirs.

    With failures it is always a set, and has no digest: a part of what was asked for cannot be approved.
    """
    if len(plans) == 1 and not failures:
        return to_document(plans[0])
    digest_of_all = {} if failures else {"digest": combine_digests(plans)}
    return {
        "format_version": FORMAT_VERSION,
        **digest_of_all,
        "plans": [to_document(plan) for plan in plans],
        "errors": write_failures(failures),
    }


def from_documents(document: object) -> tuple[Plan, ...]:
    """Return the plans that `to_documents` wrote.

    Raises PlanFileError if the document is of another major format version, or not of plans.
    """
    if not isinstance(document, dict) or "plans" not in document:
        return (from_document(document),)
    check_version(str(document.get("format_version")))
    if not isinstance(document["plans"], list) or not document["plans"]:
        raise PlanFileError("plans is not a list of plans")
    if document.get("errors"):
        raise PlanFileError("it is not whole: some manifests could not be planned", advice="make a new plan")
    return tuple(from_document(entry) for entry in document["plans"])
