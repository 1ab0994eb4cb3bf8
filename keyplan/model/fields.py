"""Typed access to the values of a JSON object that another program wrote.

A required field never gets a default, and no message quotes a value: it could be a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeVar

from keyplan.errors import PlanFileError
from keyplan.model.times import read_time

Choice = TypeVar("Choice", bound=Enum)


class Fields:
    """The fields of one JSON object. Every method raises PlanFileError if the value does not fit.

    Methods whose name starts with `optional_` give None for null and for a field that is not there; the
    others give only what is asked. Unknown fields are never looked at, so a newer writer may add some.
    """

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, Mapping):
            raise PlanFileError(f"{where} is not an object")
        self._values: Mapping[str, object] = values
        self._where = where

    def text(self, name: str) -> str:
        """Return a text."""
        value = self._required(name)
        if not isinstance(value, str):
            raise self._misfit(name, "text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None."""
        return None if self._is_absent(name) else self.text(name)

    def integer(self, name: str) -> int:
        """Return a whole number."""
        value = self._required(name)
        # In Python, True is an int.
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._misfit(name, "a whole number")
        return value

    def optional_integer(self, name: str) -> int | None:
        """Return a whole number, or None."""
        return None if self._is_absent(name) else self.integer(name)

    def duration(self, name: str) -> timedelta:
        """Return a duration that is written in seconds."""
        value = self._required(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._misfit(name, "a number of seconds")
        try:
            return timedelta(seconds=value)
        except (ValueError, OverflowError):
            raise self._misfit(name, "a number of seconds") from None

    def optional_duration(self, name: str) -> timedelta | None:
        """Return a duration that is written in seconds, or None."""
        return None if self._is_absent(name) else self.duration(name)

    def optional_time(self, name: str) -> datetime | None:
        """Return an aware instant, or None."""
        text = self.optional_text(name)
        if text is None:
            return None
        try:
            instant = read_time(text)
        except ValueError:
            raise self._misfit(name, "an RFC 3339 time") from None
        if instant.tzinfo is None:
            raise self._misfit(name, "an RFC 3339 time with an offset")
        return instant

    def choice(self, name: str, kind: type[Choice]) -> Choice:
        """Return the member of an enum whose value stands there."""
        try:
            return kind(self.text(name))
        except ValueError:
            known = ", ".join(str(member.value) for member in kind)
            raise self._misfit(name, f"one of: {known}") from None

    def optional_choice(self, name: str, kind: type[Choice]) -> Choice | None:
        """Return the member of an enum, or None."""
        return None if self._is_absent(name) else self.choice(name, kind)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, in its order."""
        values = self._list(name)
        if not all(isinstance(value, str) for value in values):
            raise self._misfit(name, "a list of texts")
        return tuple(str(value) for value in values)

    def optional_texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, in its order; an empty one if it is null or not there."""
        return () if self._is_absent(name) else self.texts(name)

    def optional_text_map(self, name: str) -> dict[str, str]:
        """Return an object of texts; an empty one if it is null or not there."""
        found = self.optional_one(name)
        return {} if found is None else {key: found.text(key) for key in found._values}  # noqa: SLF001 - its own class

    def one(self, name: str) -> Fields:
        """Return the fields of the object that stands there."""
        return Fields(self._required(name), self._path(name))

    def optional_one(self, name: str) -> Fields | None:
        """Return the fields of an object, or None."""
        return None if self._is_absent(name) else self.one(name)

    def many(self, name: str) -> tuple[Fields, ...]:
        """Return the fields of each object of a list, in its order."""
        return tuple(Fields(value, f"{self._path(name)}[{place}]") for place, value in enumerate(self._list(name)))

    def optional_many(self, name: str) -> tuple[Fields, ...]:
        """Return the fields of each object of a list, in its order; nothing if it is null or not there."""
        return () if self._is_absent(name) else self.many(name)

    def flag(self, name: str) -> bool:
        """Return a truth value; False if it is null or not there."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._misfit(name, "true or false")
        return bool(value)

    def _list(self, name: str) -> list[object]:
        value = self._required(name)
        if not isinstance(value, list):
            raise self._misfit(name, "a list")
        return value

    def _is_absent(self, name: str) -> bool:
        return self._values.get(name) is None

    def _required(self, name: str) -> object:
        try:
            return self._values[name]
        except KeyError:
            raise PlanFileError(f"{self._path(name)} is missing") from None

    def _path(self, name: str) -> str:
        return f"{self._where}.{name}"

    def _misfit(self, name: str, wanted: str) -> PlanFileError:
        return PlanFileError(f"{self._path(name)} is not {wanted}")
