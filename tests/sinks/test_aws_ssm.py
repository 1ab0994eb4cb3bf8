import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from samples import (
    FORMER,
    OWNER,
    RAW,
    RENAMED_LINEAGE,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
)
from sinks.aws_servers import (
    ENVIRONMENT,
    Counting,
    Emulator,
    aws_environment,
    emulator,
)
from sinks.examined import assert_told_beforehand
from sinks.journey import travelling

from keyplan.errors import SinkDeniedError
from keyplan.model.identity import KeyId, Lineage
from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.aws.parameters_client import ParametersClient
from keyplan.sinks.aws.ssm import build_on
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]
__all__ = ["aws_environment", "emulator"]


class Consumer:
    """A consumer that has the SDK and no keyplan."""

    def __init__(self, emulator: Emulator) -> None:
        self.client = emulator.client("ssm")

    def text(self, name: str) -> str | None:
        """Return the value as it stands there; None if there is no parameter."""
        try:
            return str(self.client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
        except self.client.exceptions.ParameterNotFound:
            return None

    def write(self, name: str, text: str, kind: str = "SecureString") -> None:
        """Put another value there, or make the parameter."""
        self.client.put_parameter(Name=name, Value=text, Type=kind, Overwrite=True)

    def describe(self, name: str) -> dict[str, Any]:
        """Return all but value and tags."""
        filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
        found: list[dict[str, Any]] = self.client.describe_parameters(ParameterFilters=filters)["Parameters"]
        return found[0]

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags."""
        answer = self.client.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
        return {tag["Key"]: tag["Value"] for tag in answer["TagList"]}

    def names_beside(self, name: str) -> list[str]:
        """Return the names of all parameters in the same folder."""
        folder = name.rpartition("/")[0]
        filters = [{"Key": "Path", "Option": "Recursive", "Values": [folder]}]
        found = self.client.describe_parameters(ParameterFilters=filters)["Parameters"]
        return sorted(parameter["Name"] for parameter in found)


def make_sink(
    emulator: Emulator, client: ParametersClient | None = None, *, lineage: Lineage = RENAMED_LINEAGE, **options: Json
) -> Sink:
    settings = make_sink_settings(emulator.options(**options), sink_type="aws-ssm")
    client = client or ParametersClient(*emulator.services("ssm", "resourcegroupstaggingapi"))
    return build_on(settings, lineage=lineage, client=client)


def slot_of(sink: Sink, name: str = "ci", **options: Json) -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery(options))


class ParameterContract(SinkContract):
    options: ClassVar[dict[str, Json]]

    @pytest.fixture
    def sink(self, emulator: Emulator) -> Sink:
        self.consumer = Consumer(emulator)
        return make_sink(emulator, **self.options)

    def value_at(self, slot: Slot) -> str | None:
        text = self.consumer.text(slot.location)
        return text and self.parse(text)

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.consumer.write(slot.location, self.compose(raw_text))

    def parse(self, text: str) -> str | None:
        return text

    def compose(self, raw_text: str) -> str:
        return raw_text


class TestParameters(ParameterContract):
    options: ClassVar[dict[str, Json]] = {}


class TestJsonParameters(ParameterContract):
    options: ClassVar[dict[str, Json]] = {"format": "json"}

    def parse(self, text: str) -> str | None:
        key = json.loads(text)["key"]
        assert isinstance(key, str)
        return key

    def compose(self, raw_text: str) -> str:
        return json.dumps({"key": raw_text})


@pytest.fixture
def consumer(emulator: Emulator) -> Consumer:
    return Consumer(emulator)


@pytest.fixture
def sink(emulator: Emulator) -> Sink:
    return make_sink(emulator)


@pytest.fixture
def slot(sink: Sink) -> Slot:
    return slot_of(sink)


def look(sink: Sink, slot: Slot) -> Holding:
    return sink.inspect([slot])[slot]


def test_the_value_is_a_secure_string_of_the_key_and_tier_that_are_asked_for(
    emulator: Emulator, consumer: Consumer
) -> None:
    sink = make_sink(emulator, kms_key_id="alias/keys", tier="Advanced")
    sink.put(slot_of(sink), RawKey(RAW), make_receipt())
    found = consumer.describe(slot_of(sink).location)
    assert (found["Type"], found["KeyId"], found["Tier"]) == ("SecureString", "alias/keys", "Advanced")


def test_owner_and_receipt_stand_in_tags_that_aws_allows(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt(name="größer \N{KEY}" * 20))
    tags = consumer.tags(slot.location)
    assert (tags["keyplan-owner"], tags["keyplan-version"]) == (OWNER, "1")
    assert all(len(value) <= 256 and value.isascii() for value in tags.values())


def test_other_tags_stay(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt(name="long" * 100))
    mine = [{"Key": "cost-centre", "Value": "42"}]
    consumer.client.add_tags_to_resource(ResourceType="Parameter", ResourceId=slot.location, Tags=mine)
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert consumer.tags(slot.location)["cost-centre"] == "42"


def test_an_intent_stands_in_a_parameter_beside_until_the_value_is_there(
    sink: Sink, slot: Slot, consumer: Consumer
) -> None:
    sink.intend(slot, make_intent())
    assert consumer.names_beside(slot.location) == [f"{slot.location}.keyplan-intent"]
    sink.put(slot, RawKey(RAW), make_receipt())
    assert consumer.names_beside(slot.location) == [slot.location]


def test_putting_again_makes_no_other_version(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.put(slot, RawKey(RAW), make_receipt(protect=True))
    assert consumer.describe(slot.location)["Version"] == 1
    assert look(sink, slot).receipt == make_receipt(protect=True)


def test_putting_again_replaces_what_a_user_wrote(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    consumer.write(slot.location, "by-hand")
    sink.put(slot, RawKey(RAW), make_receipt())
    assert consumer.text(slot.location) == RAW


def test_a_new_value_is_the_next_version(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW, key_id=KeyId("key-2")))
    assert consumer.describe(slot.location)["Version"] == 2
    assert look(sink, slot).content is Content.MATCHES


def test_the_same_value_written_by_hand_still_matches(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    consumer.write(slot.location, RAW)
    assert look(sink, slot).content is Content.MATCHES


def test_with_overwrite_a_users_value_is_replaced(emulator: Emulator, consumer: Consumer) -> None:
    sink = make_sink(emulator, overwrite=True)
    slot = slot_of(sink)
    consumer.write(slot.location, "by-hand")
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(RAW), make_receipt())
    assert (consumer.text(slot.location), look(sink, slot).receipt) == (RAW, make_receipt())


def test_a_parameter_that_is_not_encrypted_is_not_filled(emulator: Emulator, consumer: Consumer) -> None:
    sink = make_sink(emulator, overwrite=True)
    consumer.write(slot_of(sink).location, "by-hand", "String")
    assert_told_beforehand(sink, slot_of(sink), "does not encrypt")
    with pytest.raises(SinkDeniedError, match="does not encrypt"):
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
    assert consumer.text(slot_of(sink).location) == "by-hand"


@pytest.mark.parametrize(
    ("tier", "length"),
    [
        pytest.param(None, 4097, id="the account's default may be Standard, which ends at 4 KB"),
        pytest.param("Advanced", 8193, id="Advanced ends at 8 KB"),
    ],
)
def test_what_aws_would_not_take_is_refused_though_the_emulators_take_it(
    emulator: Emulator, consumer: Consumer, tier: str | None, length: int
) -> None:
    sink = make_sink(emulator, tier=tier)
    with pytest.raises(SinkDeniedError, match="longer than"):
        sink.put(slot_of(sink), RawKey("k" * length), make_receipt())
    assert consumer.text(slot_of(sink).location) is None


def test_an_imported_value_gets_a_receipt_and_is_compared_by_reading(
    sink: Sink, slot: Slot, consumer: Consumer
) -> None:
    consumer.write(slot.location, RAW)
    sink.annotate(slot, make_receipt())
    assert look(sink, slot) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)


def test_a_value_that_a_user_put_in_the_place_of_ours_stays(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    consumer.write(slot.location, "by-hand")
    sink.withdraw(slot, OWNER)
    assert (consumer.text(slot.location), consumer.tags(slot.location)) == ("by-hand", {})


def test_another_owners_intent_beside_our_value_keeps_us_out_and_stays(
    sink: Sink, slot: Slot, consumer: Consumer
) -> None:
    sink.intend(slot, make_intent(owner="another-team"))
    consumer.write(slot.location, RAW)
    ours = {"keyplan-owner": OWNER}
    tags = [{"Key": name, "Value": value} for name, value in ours.items()]
    consumer.client.add_tags_to_resource(ResourceType="Parameter", ResourceId=slot.location, Tags=tags)
    with pytest.raises(SinkDeniedError, match="another-team"):
        sink.intend(slot, make_intent())
    sink.withdraw(slot, OWNER)
    assert consumer.names_beside(slot.location) == [f"{slot.location}.keyplan-intent"]


def test_taking_over_a_former_owners_value_goes_on_after_a_crash(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    old = make_receipt(owner=FORMER.owner, manifest_id=FORMER.id)
    sink.put(slot, RawKey(RAW), old)
    sink.intend(slot, make_intent())
    # What a put does first; then the process dies.
    tags = [{"Key": "keyplan-owner", "Value": OWNER}]
    consumer.client.add_tags_to_resource(ResourceType="Parameter", ResourceId=slot.location, Tags=tags)
    held = look(sink, slot)
    assert (held.receipt, held.intent, held.owner) == (old, make_intent(), None)
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert look(sink, slot) == Holding(present=True, receipt=make_receipt(OTHER_RAW), content=Content.MATCHES)
    assert consumer.names_beside(slot.location) == [slot.location]


def test_a_half_taken_place_is_emptied_with_its_intent(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt(owner=FORMER.owner, manifest_id=FORMER.id))
    sink.intend(slot, make_intent())
    tags = [{"Key": "keyplan-owner", "Value": OWNER}]
    consumer.client.add_tags_to_resource(ResourceType="Parameter", ResourceId=slot.location, Tags=tags)
    sink.withdraw(slot, OWNER)
    assert consumer.names_beside(slot.location) == []


def test_many_parameters_of_a_former_owner_are_found(emulator: Emulator) -> None:
    former = make_sink(emulator, lineage=Lineage(identity=FORMER))
    slots = [slot_of(former, f"former-{number}") for number in range(60)]
    old = make_receipt(owner=FORMER.owner, manifest_id=FORMER.id)
    for slot in slots:
        former.put(slot, RawKey(RAW), old)
    assert {(held.receipt, held.owner) for held in make_sink(emulator).inspect(slots).values()} == {(old, None)}


def test_a_value_that_a_user_made_beside_an_intent_is_not_ours(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.intend(slot, make_intent())
    consumer.write(slot.location, "by-hand")
    with pytest.raises(SinkDeniedError, match="keyplan did not write"):
        sink.put(slot, RawKey(RAW), make_receipt())
    sink.retract(slot, make_intent())
    assert consumer.names_beside(slot.location) == [slot.location]
    assert consumer.tags(slot.location) == {}


def test_withdrawing_takes_an_intent_along(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.intend(slot, make_intent())
    sink.withdraw(slot, OWNER)
    assert consumer.names_beside(slot.location) == []


def test_many_receipts_need_few_requests(emulator: Emulator) -> None:
    store, tagging = emulator.services("ssm", "resourcegroupstaggingapi")
    sink = make_sink(emulator, ParametersClient(store, tagging))
    slots = [slot_of(sink, f"key-{number}") for number in range(60)]
    for slot in slots:
        sink.put(slot, RawKey(RAW), make_receipt())
    asked = Counting.of(store)
    held = sink.inspect(slots)
    assert {(holding.receipt, holding.content) for holding in held.values()} == {(make_receipt(), Content.MATCHES)}
    if emulator.name == "ministack":
        pytest.skip("ministack's index of tags (GetResources) knows no parameters: each was asked for its tags")
    assert set(asked) == {"describe_parameters"}
    assert len(asked) <= 10


def test_nothing_that_the_sdk_logs_holds_the_raw_key(sink: Sink, slot: Slot, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "botocore", "botocore.endpoint", "botocore.parsers", "urllib3"):
        caplog.set_level("DEBUG", logger=name)
    sink.put(slot, RawKey(RAW), make_receipt())
    assert sink.read(slot) is not None
    assert RAW not in caplog.text


def test_the_installed_command_keeps_keys_there(emulator: Emulator, consumer: Consumer, tmp_path: Path) -> None:
    options = {"type": "aws-ssm", **emulator.options()}

    def place(name: str) -> str:
        return str(options["name"]).replace("{name}", name)

    with travelling(
        tmp_path,
        sink=options,
        read_value=lambda name: consumer.text(place(name)),
        destroy_value=lambda name: consumer.client.delete_parameter(Name=place(name)),
        overwrite_value=lambda name, text: consumer.write(place(name), text),
        environment=ENVIRONMENT,
    ) as journey:
        journey.run()
