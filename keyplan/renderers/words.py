"""The words that users read for reasons, verbs, times and counts, the same in every format.

Programs must not match these words; the JSON documents are for programs.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.explanation import Evidence, PlaceState, SubjectStanding, TableRow
from keyplan.model.plan import Action, Reason, Verb
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import Tone

REASONS: Mapping[Reason, str] = {
    Reason.DECLARED_IN_PAST: "its expires_at is in the past",
    Reason.FOREIGN: "a key with this name exists that keyplan did not make",
    Reason.ADOPTED: "an existing key is taken over",
    Reason.ABSENT: "no key yet",
    Reason.EXPIRED: "the key has expired",
    Reason.UNSEEN: "the provider shows its key neither as active nor as revoked",
    Reason.UNKNOWN_CREATOR: "a key carries its marker, and keyplan cannot tell who made it",
    Reason.RECEIPT_NOT_BELIEVED: "what is noted beside its secret is not believed",
    Reason.IMPORTED: "the manifest says which key it is",
    Reason.IMPORT_GONE: "the key that it names has ended",
    Reason.IMPORT_UNSEEN: "the provider does not show the key that it names",
    Reason.IMPORT_UNHELD: "no value of that key is at hand",
    Reason.IMPORT_MISMATCH: "the value at hand is that of another key",
    Reason.GONE: "deleted outside keyplan",
    Reason.UNFINISHED: "an earlier run did not finish",
    Reason.UNDELIVERED: "a sink does not hold its raw key",
    Reason.UNPROVEN: "nothing proves that its raw key was ever delivered",
    Reason.ROTATED_ELSEWHERE: "rotated outside keyplan",
    Reason.CHANGED: "changed in the manifest",
    Reason.REQUESTED: "requested",
    Reason.EXPIRING: "expires soon",
    Reason.TOO_OLD: "older than its rotation allows",
    Reason.UP_TO_DATE: "up to date",
    Reason.MOVED: "moved to another address",
    Reason.SUPERSEDED: "an old key whose successor is in place",
    Reason.OVERLAPPING: "an old key that works until its overlap is over",
    Reason.STILL_USED: "an old key that is still in use",
    Reason.WAITING: "its renewal waits for its turn in the rollout",
    Reason.LEFT: "a place that is no longer used",
    Reason.UNDECLARED: "no longer in the manifest",
    Reason.TRANSFERRED: "another manifest manages it",
    Reason.STRAY: "marked for this owner, and known to no record",
}

ROWS: Mapping[TableRow, str] = {
    TableRow.PAST_EXPIRY: "expires_at of the declaration has passed",
    TableRow.EXHAUSTED: "too many attempts have failed",
    TableRow.UNKNOWN_SPACE: "the provider does not know a space of it",
    TableRow.OBSTACLE: "what is shown or noted of it can't be relied on",
    TableRow.IMPORT: "import names a key that is not recorded yet",
    TableRow.FOREIGN: "an unmanaged key has its type, name and space",
    TableRow.ABSENT: "no live key is its own, and no receipt exists",
    TableRow.GONE: "no live key is its own, and a receipt exists",
    TableRow.UNDELIVERED: "live keys are its own, and none is current",
    TableRow.UNPROVEN: "nothing can prove which key its places hold",
    TableRow.ROTATED_ELSEWHERE: "its raw key was changed outside keyplan",
    TableRow.LOST: "the raw key of a newer key was lost",
    TableRow.NOT_HELD: "a place does not provably hold the current key",
    TableRow.CHANGED: "a field is not as declared",
    TableRow.DESCRIPTION: "only the description is not as declared",
    TableRow.REQUESTED: "a renewal is requested",
    TableRow.EXPIRING: "it expires soon",
    TableRow.TOO_OLD: "it is older than rotation.every",
    TableRow.UP_TO_DATE: "none of rows 6 to 12 fits",
    TableRow.OLD_KEY: "an old key, whose overlap decides",
    TableRow.LEFT_PLACE: "a place that the declaration has left",
    TableRow.UNDECLARED: "ours, and declared nowhere",
    TableRow.UNMANAGED: "every other live key: listed, and not touched",
    TableRow.BUSY: "another run is at work on it",
    TableRow.WAITING: "its turn in the rollout has not come",
}
"""The situation of each row of docs/planning.md, and of the guards that are asked between them."""

STANDINGS: Mapping[SubjectStanding, str] = {
    SubjectStanding.DECLARED: "declared",
    SubjectStanding.UNDELIVERED: "a key of a declaration that is not known to be delivered",
    SubjectStanding.SUPERSEDED: "an old key of a declaration",
    SubjectStanding.UNDECLARED: "ours, and declared nowhere",
    SubjectStanding.CLAIMED: "marked for this manifest, and not known to be made by one of its creators",
    SubjectStanding.STRAY: "marked for this owner without a manifest id, and known to no record",
    SubjectStanding.ELSEWHERE: "of another manifest",
    SubjectStanding.UNMANAGED: "unmanaged",
    SubjectStanding.ENDED: "it works no longer",
}

EVIDENCES: Mapping[Evidence, str] = {
    Evidence.RECORDED: "recorded: the ledger says which address issued it",
    Evidence.DECLARED: "declared: import names it",
    Evidence.MADE_BY_US: "made by us: it carries this manifest's marker, and one of its creators made it",
    Evidence.INTENT: "an open intent of the ledger led to it",
    Evidence.ADOPTED: "adopted: its declaration says adopt: refresh, and a place of it names the key",
    Evidence.CLAIMED: "claimed: a marker that others can write, which proves nothing",
    Evidence.NONE: "none that it is this manifest's",
}

PLACE_STATES: Mapping[PlaceState, str] = {
    PlaceState.CURRENT: "holds the current key",
    PlaceState.EMPTY: "holds nothing",
    PlaceState.OTHER_KEY: "holds another key",
    PlaceState.OTHER_VALUE: "holds another value",
    PlaceState.OTHER_WRITER: "holds a value of another manifest",
    PlaceState.NOT_BELIEVED: "what is noted there is not believed",
    PlaceState.UNPROVEN: "holds a value, and nothing proves which key it is",
    PlaceState.NOT_ASKED: "was not asked",
    PlaceState.LEFT: "no longer used",
}

SIGNS: Mapping[Verb, tuple[str, Tone]] = {
    Verb.CREATE: ("+", Tone.ADD),
    Verb.REPLACE: ("+/-", Tone.CHANGE),
    Verb.REFRESH: ("~", Tone.CHANGE),
    Verb.DELIVER: (">", Tone.CHANGE),
    Verb.IMPORT: ("=", Tone.CHANGE),
    Verb.EMPTY: ("-", Tone.CHANGE),
    Verb.DELETE: ("-", Tone.DESTROY),
    Verb.FORGET: (".", Tone.FAINT),
    Verb.KEEP: ("=", Tone.FAINT),
}
"""The sign of each verb, as Terraform and OpenTofu draw theirs, and its tone."""

PAST: Mapping[Verb, str] = {
    Verb.CREATE: "created",
    Verb.REPLACE: "replaced",
    Verb.REFRESH: "refreshed",
    Verb.DELIVER: "delivered",
    Verb.IMPORT: "imported",
    Verb.EMPTY: "emptied",
    Verb.DELETE: "deleted",
    Verb.FORGET: "forgotten",
    Verb.KEEP: "kept",
}


def choose_sign(action: Action) -> tuple[str, Tone]:
    """Return the sign and the tone of an action; one that cuts consumers off has its own, whatever its verb."""
    return ("!!", Tone.ALARM) if action.cuts_off else SIGNS[action.verb]


def format_reason(action: Action) -> str:
    """Return why an action is planned, in a few words."""
    fields = [sanitize(title) for title in dict.fromkeys(change.title for change in action.changes)]
    if action.reason is Reason.CHANGED and fields:
        return f"{join_words(fields)} changed"
    if action.reason is Reason.MOVED and action.previous_address:
        return f"moved from {sanitize(action.previous_address)}"
    if action.reason is Reason.ADOPTED and action.verb is Verb.CREATE:
        return "a new key beside one that keyplan did not make (not touched)"
    return REASONS[action.reason]


def format_count(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun: ``1 key``, ``2 keys``; `plural` is for a noun that does not just end with s."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def join_words(words: list[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
