"""Sheets for tests: a few that are read easily, and strategies for all others."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from keyplan.model.place import Place
from keyplan.renderers.sheet import Level, Row, Sheet, Subject

DIGEST = "5f" * 32

BLOCKED = Row(
    subject="user/old",
    mark="!",
    word="delete (blocked)",
    reason="no longer in the manifest",
    rule="guard/deletes",
    level=Level.ERROR,
    danger=80,
    details=(("key id", "key-3"), ("guard", "deletes"), ("what to do", "if that is meant, say --allow-deletes 1")),
    advice="if that is meant, say --allow-deletes 1",
)
REPLACED = Row(
    subject="service/production/ingest",
    mark="+/-",
    word="replace",
    reason="description and roles changed",
    rule="plan/changed",
    level=Level.WARNING,
    danger=60,
    details=(
        ("description", '(none) -> "new"'),
        ("then", "the old key works for 24h after the switch"),
        ("goes to", "local:secrets/ingest.env"),
    ),
    effect="the old key works for 24h after the switch",
    place=Place("./keys.yaml", 20, 5),
)
CREATED = Row(
    subject="user/ci",
    mark="+",
    word="create",
    reason="not created yet",
    rule="plan/absent",
    level=Level.NOTICE,
    danger=20,
    details=(("description", '"Used for CI"'), ("expires", "90d after it is made")),
    place=Place("keys.yaml", 12, 5),
)
STRANGER = Row(
    subject="key-9",
    mark="?",
    word="unmanaged",
    reason="an unmanaged user key: hand-made",
    rule="plan/unmanaged",
    level=Level.NOTICE,
    danger=5,
)
PLAN = Sheet(
    about=Subject.PLAN,
    manifest="envs/production/keys.yaml",
    owner="ml-platform",
    rows=(BLOCKED, REPLACED, CREATED, STRANGER),
    summary="Plan: 2 to add, 0 to change, 1 to destroy.",
    remarks=("Blocked actions will not run; each one says what to do.",),
    digest=DIGEST,
    add=2,
    destroy=1,
    unchanged=("user/calm", "user/quiet"),
    is_different=True,
)
CALM = Sheet(
    about=Subject.PLAN,
    manifest="keys.yaml",
    owner="ml-platform",
    rows=(),
    summary="No changes. Your keys match the manifest.",
    unchanged=("user/calm",),
)
FAILED = replace(
    REPLACED,
    mark="!",
    word="replace failed",
    reason="403 Forbidden: no right to make service keys",
    rule="apply/failed",
    level=Level.ERROR,
    danger=100,
    details=(("next run", "tries again"),),
    effect="",
    advice="ask an admin of the space",
)
APPLY = replace(
    PLAN,
    about=Subject.APPLY,
    rows=(FAILED, replace(CREATED, word="created", rule="apply/create")),
    summary="Apply incomplete. Resources: 1 added, 0 changed, 0 destroyed. Not done: 1 failed.",
    remarks=(),
    add=1,
    destroy=0,
    unchanged=(),
)
DRIFT = replace(
    PLAN,
    about=Subject.DRIFT,
    rows=(
        replace(
            CREATED,
            mark="!",
            word="gone (drift)",
            reason="deleted outside keyplan: its key, delivered at 2026-11-01T00:00:00Z, is no longer there",
            rule="drift/gone",
            level=Level.ERROR,
            danger=80,
            details=(),
        ),
        replace(
            REPLACED,
            mark="!",
            word="changed (pending)",
            reason="changed in the manifest: description",
            rule="drift/changed",
            danger=40,
            details=(),
            effect="",
        ),
        replace(STRANGER, mark="=", word="unmanaged (accepted)", rule="drift/unmanaged", danger=1),
    ),
    summary="Drift: 1 drifted, 1 pending.",
    remarks=(),
    digest="",
    add=0,
    destroy=0,
)
VALIDATE = Sheet(
    about=Subject.VALIDATE,
    manifest="keys.yaml",
    owner="",
    rows=(
        replace(
            BLOCKED,
            subject="keys.yaml",
            word="invalid",
            reason="sink 'vualt' is unknown",
            rule="validate/unknown_sink",
            details=(),
            advice="did you mean 'vault'?",
            place=Place("keys.yaml", 9, 11),
        ),
    ),
    summary="1 problem.",
    is_different=True,
)
SHEETS = {
    "a plan": (PLAN,),
    "nothing to do": (CALM,),
    "several manifests": (PLAN, CALM),
    "an apply that failed": (APPLY,),
    "a drift": (DRIFT,),
    "a manifest with a problem": (VALIDATE,),
    "no manifest at all": (),
}


def make_rows(number: int, row: Row = CREATED) -> tuple[Row, ...]:
    """Return so many rows that differ in their subject and line only."""
    return tuple(replace(row, subject=f"user/key-{n:04}", place=Place("keys.yaml", 10 + n, 5)) for n in range(number))


_texts = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(["", "create", "user/a b", "|`x`|" * 50])
_counts = st.integers(0, 3_000_000)
rows = st.builds(
    Row,
    subject=_texts,
    mark=st.sampled_from(["+", "+/-", "!", "?"]),
    word=_texts,
    reason=_texts,
    effect=_texts,
    rule=_texts,
    level=st.sampled_from(Level),
    danger=st.integers(0, 100),
    details=st.lists(st.tuples(_texts, _texts), max_size=3).map(tuple),
    advice=_texts,
    place=st.none() | st.builds(Place, _texts, st.integers(1, 10**6), st.integers(1, 10**6)),
)
sheets = st.builds(
    Sheet,
    about=st.sampled_from(Subject),
    manifest=_texts,
    owner=_texts,
    rows=st.lists(rows, max_size=6).map(lambda some: tuple(sorted(some, key=lambda row: -row.danger))),
    summary=_texts,
    remarks=st.lists(_texts, max_size=3).map(tuple),
    digest=st.sampled_from(["", DIGEST]),
    add=_counts,
    change=_counts,
    destroy=_counts,
    unchanged=st.lists(_texts, max_size=3).map(tuple),
    is_different=st.booleans(),
)
"""Sheets whose texts anybody may have written."""
