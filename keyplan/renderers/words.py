"""The words that users read for reasons, verbs, times and counts, the same in every format.

Programs must not match these words; the JSON documents are for programs.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.calendar import Happening
from keyplan.model.drift import Cause, DriftKind
from keyplan.model.explanation import Evidence, PlaceState, SubjectStanding, TableRow
from keyplan.model.plan import Action, Reason, Verb
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import Tone

REASONS: Mapping[Reason, str] = {
    Reason.DECLARED_IN_PAST: "its expires_at is in the past",
    Reason.FOREIGN: "an unmanaged key has this name",
    Reason.ADOPTED: "an existing key is taken over",
    Reason.ABSENT: "not created yet",
    Reason.EXPIRED: "the key has expired",
    Reason.UNSEEN: "the provider lists its key neither as active nor as revoked",
    Reason.UNKNOWN_CREATOR: "a key carries its marker, and its creator is not known",
    Reason.RECEIPT_NOT_BELIEVED: "the receipt beside its secret is not trusted",
    Reason.IMPORTED: "the manifest names its key",
    Reason.IMPORT_GONE: "the key to import no longer works",
    Reason.IMPORT_UNSEEN: "the provider does not list the key to import",
    Reason.IMPORT_UNHELD: "no sink holds the raw key to import",
    Reason.IMPORT_MISMATCH: "the sink holds the raw key of another key",
    Reason.GONE: "deleted outside keyplan",
    Reason.UNFINISHED: "an earlier run did not finish",
    Reason.UNDELIVERED: "secret missing from sink",
    Reason.UNPROVEN: "nothing proves that its raw key was ever delivered",
    Reason.ROTATED_ELSEWHERE: "rotated outside keyplan",
    Reason.CHANGED: "changed in the manifest",
    Reason.REQUESTED: "requested",
    Reason.EXPIRING: "expires soon",
    Reason.TOO_OLD: "due for rotation",
    Reason.UP_TO_DATE: "up to date",
    Reason.MOVED: "moved to another address",
    Reason.SUPERSEDED: "superseded key",
    Reason.OVERLAPPING: "superseded key, still valid",
    Reason.STILL_USED: "superseded key, still in use",
    Reason.WAITING: "its renewal waits for its turn in the rollout",
    Reason.LEFT: "a place that is no longer used",
    Reason.UNDECLARED: "no longer in the manifest",
    Reason.TRANSFERRED: "another manifest manages it",
    Reason.STRAY: "marked for this owner, without a record",
}

CAUSES: Mapping[Cause, str] = {
    Cause.GONE: REASONS[Reason.GONE],
    Cause.EXPIRED: REASONS[Reason.EXPIRED],
    Cause.ROTATED_ELSEWHERE: REASONS[Reason.ROTATED_ELSEWHERE],
    Cause.ALTERED: "changed outside keyplan",
    Cause.SINK_LOST: REASONS[Reason.UNDELIVERED],
    Cause.DUPLICATE: "a second live key carries this manifest's marker",
    Cause.FOREIGN: REASONS[Reason.FOREIGN],
    Cause.UNSEEN: REASONS[Reason.UNSEEN],
    Cause.UNKNOWN_CREATOR: REASONS[Reason.UNKNOWN_CREATOR],
    Cause.RECEIPT_NOT_BELIEVED: REASONS[Reason.RECEIPT_NOT_BELIEVED],
    Cause.IMPORTED: REASONS[Reason.IMPORTED],
    Cause.CLAIMED: "a key of an unknown creator carries this manifest's marker",
    Cause.STRAY: "a key carries this owner's marker, without a record",
    Cause.TRANSFERRED: REASONS[Reason.TRANSFERRED],
    Cause.UNPROVEN: REASONS[Reason.UNPROVEN],
    Cause.ABSENT: REASONS[Reason.ABSENT],
    Cause.CHANGED: REASONS[Reason.CHANGED],
    Cause.UNDELIVERED: "not yet in every sink that the manifest names",
    Cause.REQUESTED: REASONS[Reason.REQUESTED],
    Cause.MOVED: REASONS[Reason.MOVED],
    Cause.DUE: REASONS[Reason.TOO_OLD],
    Cause.WAITING: REASONS[Reason.WAITING],
    Cause.UNFINISHED: REASONS[Reason.UNFINISHED],
    Cause.SUPERSEDED: REASONS[Reason.SUPERSEDED],
    Cause.LEFT: REASONS[Reason.LEFT],
    Cause.UNDECLARED: REASONS[Reason.UNDECLARED],
    Cause.IN_PAST: REASONS[Reason.DECLARED_IN_PAST],
    Cause.POLICY: "as declared, but blocked",
    Cause.EXPIRES_SOON: REASONS[Reason.EXPIRING],
}

# Their order, not that of `DriftKind`: what another user did comes first, what only needs a decision comes last.
DRIFT_KINDS: Mapping[DriftKind, str] = {
    DriftKind.DRIFT: "drifted",
    DriftKind.PENDING: "pending",
    DriftKind.EXPIRING: "expiring",
    DriftKind.UNMANAGED: "unmanaged",
}
"""What is said after the number of findings of a kind."""

DRIFT_HEADINGS: Mapping[DriftKind, tuple[str, Tone]] = {
    DriftKind.DRIFT: ("Drift: changed outside keyplan.", Tone.ALARM),
    DriftKind.PENDING: ("Pending: the manifest changed, or time passed.", Tone.CHANGE),
    DriftKind.UNMANAGED: ("Unmanaged: live keys that the manifest does not declare.", Tone.CHANGE),
    DriftKind.EXPIRING: ("Expiring: keys that expire soon.", Tone.CHANGE),
}
"""What is said above the findings of a kind, and its tone."""

ROWS: Mapping[TableRow, str] = {
    TableRow.PAST_EXPIRY: "the declared expires_at is in the past",
    TableRow.EXHAUSTED: "too many attempts have failed",
    TableRow.UNKNOWN_SPACE: "the provider does not know one of its spaces",
    TableRow.OBSTACLE: "the records of it are incomplete or contradictory",
    TableRow.IMPORT: "import names a key that is not recorded yet",
    TableRow.FOREIGN: "an unmanaged key has its type, name and space",
    TableRow.ABSENT: "it has no live key and no receipt",
    TableRow.GONE: "it has a receipt and no live key",
    TableRow.UNDELIVERED: "it has live keys, and none is current",
    TableRow.UNPROVEN: "nothing can prove which key its places hold",
    TableRow.ROTATED_ELSEWHERE: "its raw key was changed outside keyplan",
    TableRow.LOST: "the raw key of a newer key was lost",
    TableRow.NOT_HELD: "a place is not proven to hold the current key",
    TableRow.CHANGED: "a field differs from the declaration",
    TableRow.DESCRIPTION: "only the description differs from the declaration",
    TableRow.EDITED: "the provider can change what differs while the raw key stays",
    TableRow.REQUESTED: "a renewal is requested",
    TableRow.EXPIRING: "it expires soon",
    TableRow.TOO_OLD: "it is older than rotation.every",
    TableRow.UP_TO_DATE: "none of rows 6 to 12 fits",
    TableRow.OLD_KEY: "a superseded key; its overlap decides",
    TableRow.LEFT_PLACE: "a place that the declaration has left",
    TableRow.UNDECLARED: "this manifest's key, no longer declared",
    TableRow.UNMANAGED: "every other live key: listed and not touched",
    TableRow.BUSY: "another run is changing it",
    TableRow.WAITING: "its turn in the rollout has not come",
}
"""The situation of each row of docs/planning.md, and of the guards that are asked between them."""

STANDINGS: Mapping[SubjectStanding, str] = {
    SubjectStanding.DECLARED: "declared",
    SubjectStanding.UNDELIVERED: "a declared key that is not known to be delivered",
    SubjectStanding.SUPERSEDED: "a superseded key of a declaration",
    SubjectStanding.UNDECLARED: "this manifest's key, no longer declared",
    SubjectStanding.CLAIMED: "claimed: it carries this manifest's marker, made by none of its known creators",
    SubjectStanding.STRAY: "stray: marked for this owner without a manifest id, and without a record",
    SubjectStanding.ELSEWHERE: "managed by another manifest",
    SubjectStanding.UNMANAGED: "unmanaged",
    SubjectStanding.ENDED: "it no longer works",
}

EVIDENCES: Mapping[Evidence, str] = {
    Evidence.RECORDED: "recorded: the ledger says which address issued it",
    Evidence.DECLARED: "declared: import names it",
    Evidence.MADE_BY_US: "made by us: it carries this manifest's marker, and one of its creators made it",
    Evidence.INTENT: "an open intent of the ledger led to it",
    Evidence.ADOPTED: "adopted: its declaration says adopt: refresh, and a place of it names the key",
    Evidence.CLAIMED: "claimed: a marker that others can write, which proves nothing",
    Evidence.NONE: "none that this manifest manages it",
}

PLACE_STATES: Mapping[PlaceState, str] = {
    PlaceState.CURRENT: "holds the current key",
    PlaceState.EMPTY: "holds nothing",
    PlaceState.OTHER_KEY: "holds another key",
    PlaceState.OTHER_VALUE: "holds another value",
    PlaceState.OTHER_WRITER: "holds a value of another manifest",
    PlaceState.NOT_BELIEVED: "its receipt is not trusted",
    PlaceState.UNPROVEN: "holds a value, and nothing proves which key it is",
    PlaceState.NOT_ASKED: "was not read",
    PlaceState.LEFT: "no longer used",
}

SIGNS: Mapping[Verb, tuple[str, Tone]] = {
    Verb.CREATE: ("+", Tone.ADD),
    Verb.REPLACE: ("+/-", Tone.CHANGE),
    Verb.REFRESH: ("~", Tone.CHANGE),
    Verb.UPDATE: ("~", Tone.CHANGE),
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
    Verb.UPDATE: "updated",
    Verb.DELIVER: "delivered",
    Verb.IMPORT: "imported",
    Verb.EMPTY: "emptied",
    Verb.DELETE: "deleted",
    Verb.FORGET: "forgotten",
    Verb.KEEP: "kept",
}

HAPPENINGS: Mapping[Happening, str] = {
    Happening.CREATES: "created",
    Happening.ROTATES: "rotates",
    Happening.RETIRES: "old key retires",
    Happening.EMPTIES: "place emptied",
    Happening.EXPIRES: "expires",
}
"""What happens at an address, for legends and before a date."""

HAPPENING_SIGNS: Mapping[Happening, tuple[str, Tone]] = {
    Happening.CREATES: ("C", Tone.ADD),
    Happening.ROTATES: ("R", Tone.CHANGE),
    Happening.RETIRES: ("x", Tone.DESTROY),
    Happening.EMPTIES: ("o", Tone.CHANGE),
    Happening.EXPIRES: ("E", Tone.ALARM),
}
"""The letter of each happening in a chart, and its tone."""

HAPPENING_NOUNS: Mapping[Happening, str] = {
    Happening.CREATES: "new key",
    Happening.ROTATES: "rotation",
    Happening.RETIRES: "retirement",
    Happening.EMPTIES: "emptied place",
    Happening.EXPIRES: "expiration",
}
"""For a count in a sentence."""

HAPPENING_LABELS: Mapping[Happening, str] = {
    Happening.CREATES: "new keys",
    Happening.ROTATES: "rotations",
    Happening.RETIRES: "retire",
    Happening.EMPTIES: "places emptied",
    Happening.EXPIRES: "expire without renewal",
}
"""What stands below a count that is shown on its own."""


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
        return "a new key beside an unmanaged one (not touched)"
    return REASONS[action.reason]


def format_count(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun: ``1 key``, ``2 keys``; `plural` is for a noun that does not just end with s."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def join_words(words: list[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
