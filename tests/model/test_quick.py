"""Quick dataclasses: made in less time, and in nothing else unlike plain ones."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest

from keyplan.model import desired, manifest, observation, plan, receipt, secret
from keyplan.model.quick import quick
from keyplan.planner import evidence as cases
from keyplan.planner import ownership as estates


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    """One of each kind of field."""

    first: int
    second: dict[str, int] = field(default_factory=dict, compare=False)
    third: int = field(default=3, kw_only=True)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class QuickChild(Quick):
    """The same, and a field of its own."""

    fourth: int


@dataclass(frozen=True, slots=True)
class Plain:
    """The same, as dataclasses makes it."""

    first: int
    second: dict[str, int] = field(default_factory=dict, compare=False)
    third: int = field(default=3, kw_only=True)


def values_of(made: Any) -> list[Any]:
    """Return the values of all fields."""
    return [getattr(made, one.name) for one in fields(made)]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        pytest.param((1,), {}, id="defaults"),
        pytest.param((1, {"a": 2}), {"third": 4}, id="by position and by name"),
        pytest.param((), {"first": 1, "second": {}}, id="by name"),
    ],
)
def test_a_quick_instance_holds_what_a_plain_one_would(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    assert values_of(Quick(*given, **named)) == values_of(Plain(*given, **named))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        pytest.param((), {}, id="a field is missing"),
        pytest.param((1, {}, 3), {}, id="a field goes by name only"),
        pytest.param((1,), {"fourth": 4}, id="there is no such field"),
    ],
)
def test_a_quick_class_refuses_what_a_plain_one_refuses(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Plain(*given, **named)
    with pytest.raises(TypeError):
        Quick(*given, **named)


def test_a_quick_instance_cannot_be_changed() -> None:
    made = Quick(1)
    with pytest.raises(FrozenInstanceError):
        made.first = 2  # type: ignore[misc]  # the point of the test
    with pytest.raises(FrozenInstanceError):
        del made.first  # type: ignore[misc]  # the point of the test
    assert type(made) is Quick


def test_a_quick_class_may_have_a_quick_base() -> None:
    made = QuickChild(first=1, fourth=4)
    assert values_of(made) == [1, {}, 3, 4]
    with pytest.raises(FrozenInstanceError):
        made.fourth = 5  # type: ignore[misc]  # the point of the test
    assert (type(made), made == Quick(1)) == (QuickChild, False)


def test_each_quick_instance_has_a_default_of_its_own() -> None:
    assert Quick(1).second is not Quick(1).second


def test_quick_instances_compare_hash_and_copy_like_plain_ones() -> None:
    made = Quick(1, third=5)
    assert made == replace(Quick(2), first=1, third=5) == copy.deepcopy(made)
    assert (hash(made), repr(made)) == (hash(Quick(1, third=5)), "Quick(first=1, second={}, third=5)")


@pytest.mark.parametrize("options", [{}, {"slots": True, "__post_init__": True}], ids=["no slots", "a __post_init__"])
def test_a_class_that_it_would_not_fit_is_refused(options: dict[str, bool]) -> None:
    body = {"__post_init__": lambda _: None} if options.pop("__post_init__", False) else {}
    made = dataclass(frozen=True, **options)(type("Other", (), body))
    with pytest.raises(TypeError, match="Other must be a slotted dataclass"):
        quick(made)


@pytest.mark.parametrize("module", [cases, desired, estates, manifest, observation, plan, receipt, secret])
def test_every_noun_is_still_frozen(module: Any) -> None:
    nouns = [noun for noun in vars(module).values() if is_dataclass(noun)]
    assert nouns
    assert all(noun.__setattr__ is not object.__setattr__ for noun in nouns)
