"""What every sink must do with places that other manifests marked, or that this one was; part of `SinkContract`."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

import pytest

from keyplan.plugin import (
    Address,
    Examinable,
    Finding,
    Health,
    Holding,
    Identity,
    Intent,
    ManifestId,
    RawKey,
    Receipt,
    Sink,
    SinkDeniedError,
    Slot,
    Surveyable,
)
from keyplan.testing.samples import (
    FORMER,
    ORIGIN,
    OTHER_RAW,
    OWNER,
    RAW,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
)

SIBLING = Identity(OWNER, ManifestId("an0ther"))
"""Another manifest of the same owner."""
STRANGERS = pytest.mark.parametrize(
    ("identity", "address"),
    [
        pytest.param(Identity("another-team"), "user/ci", id="another owner without an id"),
        pytest.param(Identity("another-team", ManifestId("an0ther")), "user/ci", id="another owner"),
        pytest.param(SIBLING, "user/ci", id="another manifest of our owner"),
        pytest.param(Identity(FORMER.owner, ManifestId("an0ther")), "user/ci", id="another manifest of a former owner"),
        pytest.param(ORIGIN.identity, "user/another", id="an address that is not taken over"),
    ],
)
OWN = pytest.mark.parametrize(
    ("identity", "address"),
    [
        pytest.param(Identity(OWNER), "user/ci", id="before the manifest had an id"),
        pytest.param(FORMER, "user/ci", id="before the owner was renamed"),
        pytest.param(ORIGIN.identity, ORIGIN.address, id="before the key was moved here"),
    ],
)


class MarksContract(ABC):
    """Tests of whose a place is: decided by owner and id of the manifest, and refused before anything is written."""

    @pytest.fixture
    @abstractmethod
    def sink(self, request: pytest.FixtureRequest) -> Sink:
        """Return an empty sink of the manifest of RENAMED_LINEAGE; a fixture again in the subclass."""

    @abstractmethod
    def value_at(self, slot: Slot) -> str | None:
        """Return the raw key that a consumer finds, read from the store without the sink; None if there is none."""

    @abstractmethod
    def person_writes(self, slot: Slot, raw_text: str) -> None:
        """Store a value as a user would, over whatever is there; keyplan's notes beside it stay."""

    @pytest.fixture
    def slot(self, sink: Sink) -> Slot:
        """Return the slot of `user/ci`."""
        return sink.locate(OWNER, make_declaration("ci"), make_delivery())

    def look(self, sink: Sink, slot: Slot) -> Holding:
        """Return what one slot holds."""
        return sink.inspect([slot])[slot]

    def examine(self, sink: Sink, slot: Slot) -> list[Finding]:
        """Return what an examination calls broken; it must leave the slot as it was."""
        if not isinstance(sink, Examinable):
            pytest.skip("no sink has to report what keeps it from being written")
        before = (self.look(sink, slot), self.value_at(slot))
        broken = [finding for finding in sink.examine([slot]) if finding.health is Health.BROKEN]
        # A plan blocks what would write the place that a finding names; without one, all places of the sink.
        assert {finding.location for finding in broken} <= {slot.location}
        if isinstance(sink, Surveyable):
            survey = sink.survey([slot])
            assert survey.holdings == sink.inspect([slot])
            assert [finding for finding in survey.findings if finding.health is Health.BROKEN] == broken
        assert (self.look(sink, slot), self.value_at(slot)) == before
        return broken

    @pytest.fixture
    def marked(self, sink: Sink) -> Sink:
        """Return the sink, if it can mark a place."""
        if not sink.abilities.holds_receipts:
            pytest.skip("without marks the owner is not known")
        return sink

    # what is another manifest's

    @STRANGERS
    def test_another_manifests_value_is_shown_as_its_and_never_touched(
        self, marked: Sink, slot: Slot, identity: Identity, address: str
    ) -> None:
        """Two manifests that name one place must not fight for it; plans and errors name the other one."""
        receipt = make_marked_receipt(identity, address)
        marked.put(slot, RawKey(OTHER_RAW), receipt)
        assert self.look(marked, slot) == Holding(present=True, receipt=receipt, owner=identity)
        self.assert_refused(marked, slot, identity)
        marked.withdraw(slot, OWNER)
        marked.withdraw(slot, identity.owner)
        assert self.value_at(slot) == OTHER_RAW

    def test_another_manifests_mere_intent_keeps_us_out(self, marked: Sink, slot: Slot) -> None:
        """The other run is about to write there."""
        intent = make_marked_intent(SIBLING, "user/ci")
        marked.intend(slot, intent)
        assert self.look(marked, slot) == Holding(present=False, intent=intent, owner=SIBLING)
        with pytest.raises(SinkDeniedError, match=SIBLING.id):
            marked.intend(slot, make_intent())
        with pytest.raises(SinkDeniedError, match=SIBLING.id):
            marked.put(slot, RawKey(RAW), make_receipt())
        assert self.value_at(slot) is None

    def test_a_value_that_another_manifest_put_after_our_intent_stays(self, marked: Sink, slot: Slot) -> None:
        """Between intent and delivery lies the creation of a key: that is long enough for another run."""
        marked.intend(slot, make_intent())
        marked.put(slot, RawKey(OTHER_RAW), make_marked_receipt(SIBLING, "user/ci"))
        with pytest.raises(SinkDeniedError, match=SIBLING.id):
            marked.put(slot, RawKey(RAW), make_receipt())
        assert self.value_at(slot) == OTHER_RAW

    def test_an_examination_names_another_manifest(self, marked: Sink, slot: Slot) -> None:
        """The user reads before an apply whose manifest holds the place."""
        marked.put(slot, RawKey(OTHER_RAW), make_marked_receipt(SIBLING, "user/ci"))
        (finding,) = self.examine(marked, slot)
        assert slot.location in finding.detail
        assert SIBLING.owner in finding.detail
        assert SIBLING.id in finding.detail

    # what was written for this manifest under another name

    @OWN
    def test_what_the_manifest_wrote_under_another_name_is_its_own(
        self, marked: Sink, slot: Slot, identity: Identity, address: str
    ) -> None:
        """Renaming an owner, or moving a key, needs no new raw key; a rotation that fails leaves all as it was."""
        receipt = make_marked_receipt(identity, address)
        marked.put(slot, RawKey(OTHER_RAW), receipt)
        before = self.look(marked, slot)
        assert (before.receipt, before.owner) == (receipt, None)
        marked.intend(slot, make_intent())
        assert self.look(marked, slot).intent == make_intent()
        marked.retract(slot, make_intent())
        assert self.look(marked, slot) == before

    @OWN
    def test_a_receipt_of_the_present_manifest_takes_a_place_over(
        self, marked: Sink, slot: Slot, identity: Identity, address: str
    ) -> None:
        """The value stays; from now on the place is marked as the present manifest's."""
        marked.put(slot, RawKey(RAW), make_marked_receipt(identity, address, RAW))
        marked.annotate(slot, make_receipt())
        held = self.look(marked, slot)
        assert (held.receipt, held.owner, self.value_at(slot)) == (make_receipt(), None, RAW)

    @OWN
    def test_a_value_of_the_present_manifest_takes_a_place_over(
        self, marked: Sink, slot: Slot, identity: Identity, address: str
    ) -> None:
        """A rotation after a rename replaces value and receipt, as any other."""
        marked.put(slot, RawKey(OTHER_RAW), make_marked_receipt(identity, address))
        marked.intend(slot, make_intent())
        marked.put(slot, RawKey(RAW), make_receipt())
        held = self.look(marked, slot)
        assert (held.receipt, held.intent, held.owner) == (make_receipt(), None, None)
        assert self.value_at(slot) == RAW

    def test_an_intent_of_a_former_owner_is_finished(self, marked: Sink, slot: Slot) -> None:
        """A run that died before the rename is completed by the first one after it."""
        intent = make_marked_intent(FORMER, "user/ci")
        marked.intend(slot, intent)
        assert self.look(marked, slot) == Holding(present=False, intent=intent)
        marked.intend(slot, make_intent(attempts=2))
        marked.put(slot, RawKey(RAW), make_receipt())
        held = self.look(marked, slot)
        assert (held.receipt, held.intent, held.owner) == (make_receipt(), None, None)

    def test_a_place_of_a_former_owner_is_emptied(self, marked: Sink, slot: Slot) -> None:
        """The ledger still names the former owner when its last key is removed."""
        marked.put(slot, RawKey(OTHER_RAW), make_marked_receipt(FORMER, "user/ci"))
        marked.withdraw(slot, FORMER.owner)
        assert self.value_at(slot) is None
        assert self.look(marked, slot) == Holding(present=False)

    # for the tests above

    def assert_refused(self, sink: Sink, slot: Slot, identity: Identity) -> None:
        """Assert that nothing of ours may be written there, and that the errors name owner and id."""
        named = f"'{identity.owner}'.*{identity.id}"
        if isinstance(sink, Examinable):
            assert [finding for finding in self.examine(sink, slot) if re.search(named, finding.detail)]
        with pytest.raises(SinkDeniedError, match=named):
            sink.intend(slot, make_intent())
        with pytest.raises(SinkDeniedError, match=named):
            sink.put(slot, RawKey(RAW), make_receipt())
        with pytest.raises(SinkDeniedError, match=named):
            sink.annotate(slot, make_receipt())


def make_marked_receipt(identity: Identity, address: str, raw_text: str = OTHER_RAW) -> Receipt:
    """Return a receipt of a manifest for an address of its own."""
    return make_receipt(raw_text, owner=identity.owner, manifest_id=identity.id, address=Address(address))


def make_marked_intent(identity: Identity, address: str) -> Intent:
    """Return an intent of a manifest for an address of its own."""
    return make_intent("theirs", owner=identity.owner, manifest_id=identity.id, address=Address(address))
