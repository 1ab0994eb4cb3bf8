"""What a definition becomes, and the laws that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from keyplan.app.plugin_files import make_file_reader
from keyplan.errors import ManifestError
from keyplan.model.checked_file import CheckedFile
from keyplan.model.manifest import KeyType
from keyplan.providers.http.definition import Definition, MarkerPlace, Scheme, SchemeKind
from keyplan.providers.http.definition_reader import read_definition
from keyplan.providers.http.page_rules import CursorPages, LastIdPages, NumberedPages, OffsetPages, WholeListing
from keyplan.providers.http.times import SpanForm, TimeForm

Define = Callable[..., Definition]
EXAMPLES = Path(__file__).parents[3] / "examples" / "providers"
ROTATE = {"path": "/keys/${id}", "raw": "/key", "body": {"g": "${grace}"}}


def test_what_is_not_said_has_its_default(define: Define) -> None:
    made = define()
    assert (made.create.method, made.delete.method, made.verify.method) == ("POST", "DELETE", "GET")
    assert (made.delete.gone, made.verify.refused, made.create.statuses) == ({404, 410}, {401}, frozenset())
    assert (made.listing.pages, made.refresh, made.marker) == (WholeListing(), None, MarkerPlace.DESCRIPTION)
    assert made.verify.scheme == made.scheme == Scheme(kind=SchemeKind.BEARER)


def test_the_laws_of_an_api_without_refresh(define: Define) -> None:
    laws = define().laws
    assert (laws.dialect, laws.key_types) == ("Acme", {KeyType.API})
    assert (laws.has_refresh, laws.takes_expiry, laws.takes_marker) == (False, True, True)
    assert (laws.shows_scopes, laws.shows_last_use, laws.shows_redacted) == (False, False, True)
    assert (laws.marks_prove_creator, laws.listing_proves_absence, laws.drops_expired) == (False, False, False)
    assert (laws.has_unique_names, laws.editable, laws.longest_grace) == (False, frozenset(), timedelta(0))


def test_the_laws_that_a_definition_states(define: Define) -> None:
    laws = define(
        laws={
            "unique_names": True,
            "complete_listing": True,
            "only_administrators_create": True,
            "expired_keys_disappear": True,
        },
        refresh={
            **ROTATE,
            "grace": {"form": "minutes", "longest": 7200},
            "extends_life": True,
            "needs_expiry": True,
            "keeps_one_previous": True,
        },
        fields__last_used="/used",
    ).laws
    assert (laws.has_unique_names, laws.listing_proves_absence, laws.marks_prove_creator) == (True, True, True)
    assert (laws.has_refresh, laws.refresh_extends_life, laws.refresh_needs_expiry) == (True, True, True)
    assert (laws.longest_grace, laws.grace_step) == (timedelta(hours=2), timedelta(minutes=1))
    assert (laws.keeps_one_previous, laws.drops_expired, laws.shows_last_use) == (True, True, True)


def test_an_expiry_that_is_not_sent_and_a_marker_that_is_nowhere_are_laws(define: Define) -> None:
    laws = define(marker="none", create__body={"name": "${name}"}, fields__redacted=None).laws
    assert (laws.takes_expiry, laws.takes_marker, laws.shows_redacted) == (False, False, False)


@pytest.mark.parametrize(
    ("pages", "kind"),
    [
        ({"by": "cursor", "parameter": "c", "next": "/n"}, CursorPages(parameter="c", next=("n",))),
        ({"by": "offset", "parameter": "o"}, OffsetPages(parameter="o")),
        ({"by": "last_id", "parameter": "a", "more": "/m"}, LastIdPages(parameter="a", more=("m",))),
        ({"by": "page", "parameter": "p", "total": "/t"}, NumberedPages(parameter="p", total=("t",), first=1)),
        (
            {"by": "page", "parameter": "p", "total": "/t", "first": 0},
            NumberedPages(parameter="p", total=("t",), first=0),
        ),
    ],
)
def test_each_way_of_paging(define: Define, pages: dict[str, object], kind: object) -> None:
    assert define(list__pages=pages).listing.pages == kind


def test_fields_of_an_answer_replace_those_of_the_listing_one_by_one(define: Define) -> None:
    made = define(create__fields={"id": "/key_id"}, create__object="/data")
    assert made.create.fields.id.text == "/key_id"
    assert made.create.fields.name == made.fields.name
    assert (made.create.key, made.fields.id.text) == (("data",), "/id")


def test_forms_and_schemes_are_as_written(define: Define) -> None:
    made = define(
        authentication={"header": "X-API-Key"},
        verify__authentication="basic",
        expiry={"send": "seconds", "read": "unix"},
        times="unix",
        refresh={**ROTATE, "id": "kept", "grace": {"form": "duration", "longest": 60}},
    )
    assert made.scheme == Scheme(kind=SchemeKind.HEADER, header="X-API-Key")
    assert made.verify.scheme.kind is SchemeKind.BASIC
    assert (made.forms.sent_expiry, made.forms.shown_expiry) == (TimeForm.SECONDS, TimeForm.UNIX)
    assert made.forms.shown_times is TimeForm.UNIX
    assert made.refresh is not None
    assert (made.refresh.keeps_id, made.refresh.grace) == (True, SpanForm.DURATION)


def test_all_problems_are_listed_in_file_order(load: Callable[..., CheckedFile]) -> None:
    file = load(base_url="http://acme.test", delete__path="/keys", create__body={"note": "${description}"})
    with pytest.raises(ManifestError) as refused:
        read_definition(file)
    lines = [problem.line for problem in refused.value.problems]
    assert len(lines) == 3
    assert lines == sorted(lines)
    assert "plain http" in str(refused.value)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_can_be_read(path: Path) -> None:
    made = read_definition(make_file_reader(EXAMPLES)(path.name, "provider.v1"))
    assert made.laws.listing_proves_absence
    assert "reached.\n" in path.read_text()
