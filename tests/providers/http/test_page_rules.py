"""What each way of paging asks for next, and where it sees the end."""

from __future__ import annotations

import pytest

from keyplan.providers.http.page_rules import (
    CursorPages,
    LastIdPages,
    ListedPage,
    NumberedPages,
    OffsetPages,
    PageError,
    Paging,
    Parameters,
    WholeListing,
)

CURSOR = CursorPages(parameter="cursor", next=("next",))
OFFSET = OffsetPages(parameter="offset")
LAST_ID = LastIdPages(parameter="after", more=("more",))
NUMBERED = NumberedPages(parameter="page", total=("pages",), first=0)


def make_page(
    answer: object = None, *, number: int = 1, items: int = 2, seen: int = 2, last_id: str = "k2"
) -> ListedPage:
    return ListedPage(answer=answer, number=number, items=items, seen=seen, last_id=last_id)


@pytest.mark.parametrize(
    ("paging", "first"),
    [(WholeListing(), {}), (CURSOR, {}), (OFFSET, {"offset": "0"}), (LAST_ID, {}), (NUMBERED, {"page": "0"})],
)
def test_the_first_page(paging: Paging, first: Parameters) -> None:
    assert paging.begin() == first


@pytest.mark.parametrize(
    ("paging", "page", "following"),
    [
        (CURSOR, make_page({"next": "c2"}), {"cursor": "c2"}),
        (CURSOR, make_page({"next": 2}), {"cursor": "2"}),
        (OFFSET, make_page([], seen=7), {"offset": "7"}),
        (LAST_ID, make_page({"more": True}), {"after": "k2"}),
        (NUMBERED, make_page({"pages": 3}, number=2), {"page": "2"}),
    ],
)
def test_there_is_more(paging: Paging, page: ListedPage, following: Parameters) -> None:
    assert paging.follow(page) == following


@pytest.mark.parametrize(
    ("paging", "page"),
    [
        (WholeListing(), make_page([])),
        (CURSOR, make_page({"next": None})),
        (CURSOR, make_page({"next": ""})),
        (CURSOR, make_page({})),
        (OFFSET, make_page([], items=0)),
        (LAST_ID, make_page({"more": False})),
        (NUMBERED, make_page({"pages": 2}, number=2)),
        (NUMBERED, make_page({"pages": 0}, items=0)),
    ],
)
def test_that_was_the_last_page(paging: Paging, page: ListedPage) -> None:
    assert paging.follow(page) is None


@pytest.mark.parametrize(
    ("paging", "page"),
    [
        (CURSOR, make_page({"next": ["c2"]})),
        (CURSOR, make_page({"next": True})),
        (LAST_ID, make_page({})),
        (LAST_ID, make_page({"more": "yes"})),
        (LAST_ID, make_page({"more": True}, items=0, last_id="")),
        (NUMBERED, make_page({"pages": "3"})),
        (NUMBERED, make_page({"pages": True})),
        (NUMBERED, make_page({})),
    ],
)
def test_an_answer_that_does_not_say_it_is_an_error_and_never_the_end(paging: Paging, page: ListedPage) -> None:
    with pytest.raises(PageError):
        paging.follow(page)
