"""Keep the addresses of one manifest apart: each is declared once, and each former one is claimed once.

In: addresses with the spots of their declarations. Out: problems.
"""

from __future__ import annotations

from keyplan.core.reading.problems import Problems, Spot
from keyplan.core.reading.quoting import quote
from keyplan.model.manifest import Address


class Addresses:
    """What the declarations so far are called, and were called before."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._declared: dict[Address, Spot] = {}
        self._former: list[tuple[Address, Spot]] = []

    def declare(self, address: Address, spot: Spot) -> None:
        """Note an address; add a problem where another declaration has it."""
        first = self._declared.setdefault(address, spot)
        if first != spot:
            self._problems.add(
                spot, f"address {quote(address)} is declared twice; first {self._where(first)}", "duplicate"
            )

    def leave(self, former: Address, spot: Spot) -> None:
        """Note that a declaration, at this spot, claims a former address."""
        self._former.append((former, spot))

    def check_former(self) -> None:
        """Add a problem for every former address that is still declared, or claimed twice. Call it last."""
        claimed: dict[Address, Spot] = {}
        for former, spot in self._former:
            if former in self._declared:
                where = self._where(self._declared[former])
                self._problems.add(spot, f"address {quote(former)} is not a former one: it is declared {where}")
            elif claimed.setdefault(former, spot) != spot:
                where = self._where(claimed[former])
                self._problems.add(spot, f"address {quote(former)} is claimed twice; first {where}", "duplicate")

    def _where(self, spot: Spot) -> str:
        place = self._problems.place_of(spot)
        return f"in line {place.line}, column {place.column}"
