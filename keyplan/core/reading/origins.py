"""Where the fields of sound declarations stand, found again in the text when somebody asks.

In: a text that was read before, the place of a declaration, the path of a field. Out: the field's place. Never: asked
where nothing is wrong, so that the tree of tables and spots need not stay: 60 MB for 100,000 declarations.
"""

from __future__ import annotations

from functools import cached_property

from keyplan.core.reading.defaults import Given, find_spot
from keyplan.core.reading.problems import Problems
from keyplan.core.reading.tables import Table, each
from keyplan.core.reading.yaml_tree import grow
from keyplan.model.manifest import Place


class Origins:
    """The declarations of one text."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._problems = Problems(file)

    def find(self, declared: Place, path: tuple[str, ...]) -> Place:
        """Return where a field of the declaration that stands there is given, there or in the defaults.

        Where it is in neither, that is the declaration's own place.
        """
        own, defaults = self._read_again
        return self._problems.place_of(find_spot(own[declared], defaults, path))

    @cached_property
    def _read_again(self) -> tuple[dict[Place, Given], Given]:
        """The declarations by their places, and the defaults."""
        root = grow(self._text, self._problems)
        rows, defaults = root["keys"], root.get("defaults", Table(root.spot))
        return {self._problems.place_of(spot): Given(item, spot) for item, spot in each(rows, root.spot)}, Given(
            defaults
        )
