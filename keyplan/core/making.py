"""Rows 2 to 4 of DESIGN section 6: nothing that somebody could use on is ours, so a key is made or adopted.

In: a case without a current key and without one whose raw key was lost. Out: one action.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.core.cases import Case
from keyplan.core.comparing import compare
from keyplan.core.picturing import picture
from keyplan.core.renewing import block, create, renew
from keyplan.model.manifest import Adopt
from keyplan.model.observation import Observation
from keyplan.model.plan import Action, Guard, Reason, Verb


def make(case: Case) -> Action:
    """Return the action for a declaration whose key is absent, gone or expired."""
    foreign = () if case.estate.alive else tuple(key for key in case.namesakes if _could_be(case, key))
    if foreign and case.declaration.adopt is not Adopt.REPLACE:
        return _adopt(case, foreign)
    receipt = case.estate.receipt
    if receipt is None:
        return create(case, Reason.ADOPTED if foreign else Reason.ABSENT)
    has_expired = receipt.expires_at is not None and receipt.expires_at <= case.now
    return create(case, Reason.EXPIRED if has_expired else Reason.GONE)


def _could_be(case: Case, key: Observation) -> bool:
    """Whether an unmanaged namesake has the declaration's type, and its space where spaces are visible."""
    if key.key_type is not case.declaration.key_type:
        return False
    return not key.space_ids or bool(key.space_ids & set(case.estate.desired.space_ids))


def _adopt(case: Case, foreign: tuple[Observation, ...]) -> Action:
    key, *others = foreign
    ids = ", ".join(one.id for one in foreign)
    refused = replace(create(case, Reason.FOREIGN), key_id=key.id, before=picture(key))
    if case.declaration.adopt is Adopt.REFUSE:
        advice = (
            f"a key of this name is there and not ours ({ids}): say adopt: refresh or adopt: replace, "
            "or take it over with `keyplan import`"
        )
    elif others:
        advice = f"{len(foreign)} keys have this name ({ids}): import the right one by id"
    else:
        action = renew(case, key, Reason.ADOPTED, compare(case.estate.desired, key, None))
        if action.verb is Verb.REFRESH:
            return action
        obstacle = action.explanation.removeprefix("replace: ")
        advice = f"adopt: refresh is not possible ({obstacle}): declare the key as it is, or say adopt: replace"
    return block(refused, Guard.FOREIGN, advice)
