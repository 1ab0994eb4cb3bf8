import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.sinks.chunks import HEADER_CHARACTERS, join, names_under, split

SIZE = 20


@given(text=st.text(st.characters(codec="ascii"), max_size=500), size=st.integers(SIZE, 600))
def test_a_text_comes_back_as_it_was(text: str, size: int) -> None:
    entries = split(text, prefix="receipt", size=size)
    assert join(entries, prefix="receipt") == text
    assert all(0 < len(piece) <= size for piece in entries.values())


@pytest.mark.parametrize("length", range(4 * SIZE))
def test_a_text_takes_no_more_entries_than_it_needs(length: int) -> None:
    entries = split("x" * length, prefix="receipt", size=SIZE)
    assert len(entries) == max(1, -(-(length + HEADER_CHARACTERS) // SIZE))


def test_entries_are_named_in_order() -> None:
    assert sorted(split("x" * 50, prefix="receipt", size=SIZE)) == [f"receipt-0{number}" for number in range(4)]


def test_a_text_that_needs_too_many_entries_is_refused() -> None:
    with pytest.raises(ValueError, match="99 entries"):
        split("x" * 99 * SIZE, prefix="receipt", size=SIZE)


def test_entries_under_other_names_do_not_matter() -> None:
    entries = split("one", prefix="receipt", size=SIZE) | split("two", prefix="intent", size=SIZE) | {"team": "ml"}
    assert (join(entries, prefix="receipt"), join(entries, prefix="intent")) == ("one", "two")


def test_entries_left_of_a_longer_text_do_not_matter() -> None:
    entries = split("x" * 50, prefix="receipt", size=SIZE) | split("short", prefix="receipt", size=SIZE)
    assert join(entries, prefix="receipt") == "short"


OLD, NEW = split("a" * 50, prefix="r", size=SIZE), split("b" * 50, prefix="r", size=SIZE)


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param({}, id="nothing is there"),
        pytest.param({"r-00": "written by hand"}, id="no header"),
        pytest.param({name: piece for name, piece in OLD.items() if name != "r-02"}, id="a piece is missing"),
        pytest.param({**OLD, "r-01": NEW["r-01"]}, id="a piece is of another writing"),
        pytest.param({**OLD, "r-00": NEW["r-00"]}, id="the header is of another writing"),
        pytest.param({**OLD, "r-03": OLD["r-03"] + "x"}, id="a piece has grown"),
    ],
)
def test_what_is_not_whole_is_nothing(entries: dict[str, str]) -> None:
    assert join(entries, prefix="r") is None


def test_all_entries_of_a_prefix_are_found_and_no_others() -> None:
    mine = split("x" * 50, prefix="r.1", size=SIZE)
    others = {"r.1-x": "", "r.1-000": "", "rx1-00": "", "r.1": "", "ar.1-00": ""}
    assert names_under(mine | others, prefix="r.1") == set(mine)
