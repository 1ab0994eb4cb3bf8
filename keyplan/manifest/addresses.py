"""What declarations of one manifest are, were and let go: each address, origin and imported id is claimed once."""

from __future__ import annotations

from keyplan.manifest.problems import Problems, Spot
from keyplan.model.identity import Address, KeyId, Origin
from keyplan.model.quotes import quote


class Addresses:
    """Notes what the declarations of a manifest claim, and adds a problem for each contradiction."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._declared: dict[Address, Spot] = {}
        self._imported: dict[KeyId, Spot] = {}
        self._former: list[tuple[Address | Origin, Spot]] = []
        self._removed: list[tuple[Address, Spot]] = []

    @property
    def declared(self) -> frozenset[Address]:
        """Every address that is declared so far."""
        return frozenset(self._declared)

    def declare(self, address: Address, spot: Spot) -> None:
        """Note an address; add a problem if another declaration has it."""
        first = self._declared.setdefault(address, spot)
        if first != spot:
            self._add_duplicate(spot, f"address {quote(address)} is declared twice", first)

    def import_key(self, key_id: KeyId, spot: Spot) -> None:
        """Note the key that a declaration is; add a problem if another declaration is the same key."""
        first = self._imported.setdefault(key_id, spot)
        if first != spot:
            self._add_duplicate(spot, f"key {quote(key_id)} is imported twice", first)

    def claim_former(self, former: Address | Origin, spot: Spot) -> None:
        """Note that a declaration, at this spot, claims a former address, of this manifest or of another one."""
        self._former.append((former, spot))

    def remove(self, address: Address, spot: Spot) -> None:
        """Note an address that is let go."""
        self._removed.append((address, spot))

    def check(self) -> None:
        """Add a problem for every former or removed address that is claimed otherwise too. Call it last."""
        claimed = self._check_former()
        self._check_removed(claimed)

    def _check_former(self) -> dict[Address | Origin, Spot]:
        claimed: dict[Address | Origin, Spot] = {}
        for former, spot in self._former:
            # An address of another manifest may be declared here as well: both are addresses in their own right.
            if not isinstance(former, Origin) and former in self._declared:
                where = self._where(self._declared[former], spot)
                self._problems.add(spot, f"address {quote(former)} is not a former one: it is declared {where}")
            elif (first := claimed.setdefault(former, spot)) != spot:
                self._add_duplicate(spot, f"{_describe(former)} is claimed twice", first)
        return claimed

    def _check_removed(self, claimed: dict[Address | Origin, Spot]) -> None:
        removed: dict[Address, Spot] = {}
        for address, spot in self._removed:
            if address in self._declared:
                where = self._where(self._declared[address], spot)
                self._problems.add(spot, f"address {quote(address)} is not removed: it is declared {where}")
            elif address in claimed:
                where = self._where(claimed[address], spot)
                self._problems.add(spot, f"address {quote(address)} is not removed: 'moved_from' names it {where}")
            elif (first := removed.setdefault(address, spot)) != spot:
                self._add_duplicate(spot, f"address {quote(address)} is removed twice", first)

    def _add_duplicate(self, spot: Spot, message: str, first: Spot) -> None:
        self._problems.add(spot, f"{message}; first {self._where(first, spot)}", "duplicate")

    def _where(self, spot: Spot, seen_from: Spot) -> str:
        return self._problems.describe(spot, seen_from=seen_from)


def _describe(former: Address | Origin) -> str:
    if isinstance(former, Origin):
        return f"address {quote(former.address)} of {quote(str(former.identity))}"
    return f"address {quote(former)}"
