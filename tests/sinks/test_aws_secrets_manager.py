import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from samples import (
    FORMER,
    IDENTITY,
    LINEAGE,
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
from keyplan.ports import Examinable, Sink, Surveyable
from keyplan.sinks.aws.secrets_client import SecretRecord, SecretsClient
from keyplan.sinks.aws.secrets_manager import build_on
from keyplan.sinks.value_store import StoreConflictError
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]
__all__ = ["aws_environment", "emulator"]


class Consumer:
    """A consumer that has the SDK and no keyplan."""

    def __init__(self, emulator: Emulator) -> None:
        self.client = emulator.client("secretsmanager")

    def text(self, name: str) -> str | None:
        """Return the current value as it stands there; None if AWS gives none."""
        gone = (self.client.exceptions.ResourceNotFoundException, self.client.exceptions.InvalidRequestException)
        try:
            return self.client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT").get("SecretString")
        except gone:
            return None

    def write(self, name: str, text: str) -> None:
        """Put another value there, or make the secret."""
        try:
            staged = self.client.put_secret_value(SecretId=name, SecretString=text, VersionStages=["AWSPENDING"])
        except self.client.exceptions.ResourceNotFoundException:
            self.client.create_secret(Name=name, SecretString=text)
            return
        # Staged and moved, as rotations do: a plain put on moto leaves AWSCURRENT on two versions, where it was
        # moved before.
        self.client.update_secret_version_stage(
            SecretId=name,
            VersionStage="AWSCURRENT",
            MoveToVersionId=staged["VersionId"],
            RemoveFromVersionId=self.stages(name)["AWSCURRENT"],
        )

    def describe(self, name: str) -> dict[str, Any]:
        """Return all but the value."""
        found: dict[str, Any] = self.client.describe_secret(SecretId=name)
        return found

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags."""
        return {tag["Key"]: tag["Value"] for tag in self.describe(name).get("Tags", [])}

    def stages(self, name: str) -> dict[str, str]:
        """Return the version of each staging label."""
        versions = self.describe(name)["VersionIdsToStages"]
        return {stage: version for version, stages in versions.items() for stage in stages}


def make_sink(
    emulator: Emulator, client: SecretsClient | None = None, *, lineage: Lineage = RENAMED_LINEAGE, **options: Json
) -> Sink:
    settings = make_sink_settings(emulator.options(**options), sink_type="aws-secrets-manager")
    return build_on(settings, lineage=lineage, client=client or open_client(emulator))


def open_client(emulator: Emulator) -> SecretsClient:
    return SecretsClient(*emulator.services("secretsmanager"))


def slot_of(sink: Sink, name: str = "ci", **options: Json) -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery(options))


def name_of(slot: Slot) -> str:
    return str(slot.options["name"])


class SecretsManagerContract(SinkContract):
    options: ClassVar[dict[str, Json]]

    @pytest.fixture
    def sink(self, emulator: Emulator) -> Sink:
        self.consumer = Consumer(emulator)
        return make_sink(emulator, **self.options)

    def value_at(self, slot: Slot) -> str | None:
        text = self.consumer.text(name_of(slot))
        return text and self.parse(text)

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.consumer.write(name_of(slot), self.compose(raw_text))

    def parse(self, text: str) -> str | None:
        return text

    def compose(self, raw_text: str) -> str:
        return raw_text


class TestWholeSecrets(SecretsManagerContract):
    options: ClassVar[dict[str, Json]] = {}


class TestSecretsThatEndInANewline(SecretsManagerContract):
    options: ClassVar[dict[str, Json]] = {"newline": True}

    def parse(self, text: str) -> str | None:
        assert text.endswith("\n")
        return text[:-1]

    def compose(self, raw_text: str) -> str:
        return f"{raw_text}\n"


class TestJsonSecrets(SecretsManagerContract):
    options: ClassVar[dict[str, Json]] = {"format": "json"}

    def parse(self, text: str) -> str | None:
        key = json.loads(text)["key"]
        assert isinstance(key, str)
        return key

    def compose(self, raw_text: str) -> str:
        return json.dumps({"key": raw_text})


class TestFieldsOfSecrets(SecretsManagerContract):
    options: ClassVar[dict[str, Json]] = {"field": "api_key"}

    def parse(self, text: str) -> str | None:
        found = json.loads(text).get("api_key")
        return str(found) if found else None

    def compose(self, raw_text: str) -> str:
        return json.dumps({"api_key": raw_text})


class TestSecretsDeletedAtOnce(SecretsManagerContract):
    options: ClassVar[dict[str, Json]] = {"recovery_days": 0}


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


# versions


def test_a_new_value_is_current_and_the_former_one_stays_as_previous(
    sink: Sink, slot: Slot, consumer: Consumer
) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    former = consumer.stages(name_of(slot))["AWSCURRENT"]
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW, key_id=KeyId("key-2")))
    stages = consumer.stages(name_of(slot))
    assert stages["AWSPREVIOUS"] == former
    assert set(stages) == {"AWSCURRENT", "AWSPREVIOUS", "KEYPLANLOCK"}
    assert stages["KEYPLANLOCK"] == stages["AWSCURRENT"]


def test_the_version_follows_from_key_and_raw_key_so_that_a_put_can_be_repeated(
    emulator: Emulator, consumer: Consumer
) -> None:
    slots = []
    for sink in (make_sink(emulator), make_sink(emulator)):
        slots.append(slot_of(sink))
        sink.put(slots[-1], RawKey(RAW), make_receipt())
    versions = {consumer.stages(name_of(slot))["AWSCURRENT"] for slot in slots}
    assert len(versions) == 1


def test_a_put_that_crashed_after_staging_is_finished(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW, key_id=KeyId("key-2")))
    sink.put(slot, RawKey(RAW), make_receipt())
    version = consumer.stages(name_of(slot))["AWSCURRENT"]
    consumer.client.update_secret_version_stage(
        SecretId=name_of(slot),
        VersionStage="AWSCURRENT",
        MoveToVersionId=consumer.stages(name_of(slot))["AWSPREVIOUS"],
        RemoveFromVersionId=version,
    )
    consumer.client.update_secret_version_stage(
        SecretId=name_of(slot), VersionStage="AWSPENDING", MoveToVersionId=version
    )
    sink.put(slot, RawKey(RAW), make_receipt())
    assert consumer.text(name_of(slot)) == RAW
    assert "AWSPENDING" not in consumer.stages(name_of(slot))


def test_a_put_that_crashed_before_the_label_came_off_is_finished(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    version = consumer.stages(name_of(slot))["AWSCURRENT"]
    consumer.client.update_secret_version_stage(
        SecretId=name_of(slot), VersionStage="AWSPENDING", MoveToVersionId=version
    )
    sink.put(slot, RawKey(RAW), make_receipt())
    assert "AWSPENDING" not in consumer.stages(name_of(slot))


def test_a_value_rolled_back_by_hand_differs(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW, key_id=KeyId("key-2")))
    stages = consumer.stages(name_of(slot))
    consumer.client.update_secret_version_stage(
        SecretId=name_of(slot),
        VersionStage="AWSCURRENT",
        MoveToVersionId=stages["AWSPREVIOUS"],
        RemoveFromVersionId=stages["AWSCURRENT"],
    )
    assert look(sink, slot).content is Content.DIFFERS


def test_the_same_value_written_by_hand_still_matches(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    consumer.write(name_of(slot), RAW)
    assert look(sink, slot).content is Content.MATCHES


def test_a_faster_writer_is_not_overwritten(emulator: Emulator, sink: Sink, slot: Slot, consumer: Consumer) -> None:
    client = open_client(emulator)
    sink.put(slot, RawKey(RAW), make_receipt())
    stale = client.describe(name_of(slot))
    assert stale
    consumer.write(name_of(slot), "by-hand")
    with pytest.raises(StoreConflictError, match="at the same time"):
        client.fill(stale, "0" * 36, OTHER_RAW.encode())
    assert consumer.text(name_of(slot)) == "by-hand"


# what is noted


def test_owner_and_receipt_stand_in_tags_that_aws_allows(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(RAW), make_receipt(name="größer \N{KEY}" * 20))
    tags = consumer.tags(name_of(slot))
    assert tags["keyplan-owner"] == OWNER
    assert not [name for name in tags if "intent" in name]
    assert all(len(value) <= 256 and value.isascii() for value in tags.values())


def test_other_tags_stay(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    consumer.client.tag_resource(SecretId=name_of(slot), Tags=[{"Key": "cost-centre", "Value": "42"}])
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert consumer.tags(name_of(slot))["cost-centre"] == "42"


def test_a_damaged_receipt_is_none(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    consumer.client.tag_resource(SecretId=name_of(slot), Tags=[{"Key": "keyplan-receipt-00", "Value": "mine"}])
    assert look(sink, slot) == Holding(present=True)


def test_intending_leaves_no_version_behind_that_a_consumer_could_get(
    sink: Sink, slot: Slot, consumer: Consumer
) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    before = consumer.stages(name_of(slot))
    sink.intend(slot, make_intent())
    after = consumer.stages(name_of(slot))
    assert after.pop("KEYPLANLOCK") not in after.values()
    before.pop("KEYPLANLOCK", None)
    assert after == before


def test_the_kms_key_encrypts(emulator: Emulator, consumer: Consumer) -> None:
    sink = make_sink(emulator, kms_key_id="alias/keys")
    sink.put(slot_of(sink), RawKey(RAW), make_receipt())
    assert consumer.describe(name_of(slot_of(sink)))["KmsKeyId"] == "alias/keys"


def test_a_secret_that_a_user_made_without_a_value_is_filled(
    sink: Sink, slot: Slot, consumer: Consumer, emulator: Emulator
) -> None:
    if emulator.name == "ministack":
        pytest.skip("ministack gives a secret that is made without a value a version all the same")
    consumer.client.create_secret(Name=name_of(slot))
    sink.intend(slot, make_intent())
    sink.retract(slot, make_intent())
    assert consumer.tags(name_of(slot)) == {}
    sink.put(slot, RawKey(RAW), make_receipt())
    assert (consumer.text(name_of(slot)), look(sink, slot).receipt) == (RAW, make_receipt())


def test_with_overwrite_a_users_value_is_replaced(emulator: Emulator, consumer: Consumer) -> None:
    sink = make_sink(emulator, overwrite=True)
    slot = slot_of(sink)
    consumer.write(name_of(slot), "by-hand")
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(RAW), make_receipt())
    assert (consumer.text(name_of(slot)), look(sink, slot).receipt) == (RAW, make_receipt())


def test_an_imported_value_gets_a_receipt_and_is_compared_by_reading(
    sink: Sink, slot: Slot, consumer: Consumer
) -> None:
    consumer.write(name_of(slot), RAW)
    sink.annotate(slot, make_receipt())
    assert look(sink, slot) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)


# deletion


def test_a_withdrawn_secret_can_be_restored_for_as_long_as_the_options_say(
    emulator: Emulator, consumer: Consumer
) -> None:
    sink = make_sink(emulator, recovery_days=7)
    slot = slot_of(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    assert consumer.describe(name_of(slot))["DeletedDate"]


def test_a_restored_value_does_not_pass_for_a_delivered_one(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    consumer.client.restore_secret(SecretId=name_of(slot))
    assert look(sink, slot) == Holding(present=False)


def test_an_intent_that_restored_a_secret_deletes_it_again(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    sink.intend(slot, make_intent())
    assert look(sink, slot) == Holding(present=False, intent=make_intent())
    sink.retract(slot, make_intent())
    assert consumer.describe(name_of(slot))["DeletedDate"]


def test_the_key_of_a_withdrawn_secret_can_be_put_again(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    sink.put(slot, RawKey(RAW), make_receipt())
    assert look(sink, slot) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)
    assert consumer.text(name_of(slot)) == RAW


def test_a_secret_deleted_by_hand_is_missed_and_restored(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    consumer.client.delete_secret(SecretId=name_of(slot))
    assert look(sink, slot) == Holding(present=False)
    sink.intend(slot, make_intent())
    assert look(sink, slot) == Holding(present=False, intent=make_intent())
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert consumer.text(name_of(slot)) == OTHER_RAW


def test_a_users_deleted_secret_is_not_restored(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    consumer.write(name_of(slot), "by-hand")
    consumer.client.delete_secret(SecretId=name_of(slot))
    (finding,) = sink.examine([slot]) if isinstance(sink, Examinable) else ()
    assert "scheduled for deletion" in finding.detail
    with pytest.raises(SinkDeniedError, match="scheduled for deletion"):
        sink.intend(slot, make_intent())


def test_a_value_that_a_user_put_in_the_place_of_ours_stays(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    consumer.write(name_of(slot), "by-hand")
    sink.withdraw(slot, OWNER)
    assert (consumer.text(name_of(slot)), consumer.tags(name_of(slot))) == ("by-hand", {})


def test_withdrawing_an_intent_takes_the_empty_secret_away(sink: Sink, slot: Slot, consumer: Consumer) -> None:
    sink.intend(slot, make_intent())
    sink.withdraw(slot, OWNER)
    assert look(sink, slot) == Holding(present=False)


def test_a_value_that_a_user_put_into_a_secret_made_for_an_intent_is_not_ours(
    sink: Sink, slot: Slot, consumer: Consumer
) -> None:
    sink.intend(slot, make_intent())
    consumer.write(name_of(slot), "by-hand")
    sink.retract(slot, make_intent())
    with pytest.raises(SinkDeniedError, match="keyplan did not write"):
        sink.intend(slot, make_intent())
    sink.withdraw(slot, OWNER)
    assert (consumer.text(name_of(slot)), consumer.tags(name_of(slot))) == ("by-hand", {})


# fields


@pytest.fixture
def fields(emulator: Emulator) -> Sink:
    return make_sink(emulator, name=f"{emulator.options()['name']}".replace("{name}", "shared"), field="{name}")


def test_other_fields_stay_as_they_are(fields: Sink, consumer: Consumer) -> None:
    slot = slot_of(fields)
    consumer.write(name_of(slot), '{"user": "\N{KEY}", "port": 5432}')
    fields.intend(slot, make_intent())
    fields.put(slot, RawKey(RAW), make_receipt())
    assert json.loads(consumer.text(name_of(slot)) or "") == {"user": "\N{KEY}", "port": 5432, "ci": RAW}
    fields.withdraw(slot, OWNER)
    assert json.loads(consumer.text(name_of(slot)) or "") == {"user": "\N{KEY}", "port": 5432}
    assert consumer.tags(name_of(slot)) == {}


def test_a_restored_secret_keeps_its_other_fields(fields: Sink, consumer: Consumer) -> None:
    first, second = slot_of(fields, "first"), slot_of(fields, "second")
    fields.put(first, RawKey(RAW), make_receipt())
    consumer.client.delete_secret(SecretId=name_of(first))
    fields.intend(second, make_intent())
    fields.put(second, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert json.loads(consumer.text(name_of(first)) or "") == {"first": RAW, "second": OTHER_RAW}


class Interrupted(SecretsClient):
    """A client that another writer is faster than, once."""

    def __init__(self, consumer: Consumer, emulator: Emulator) -> None:
        super().__init__(*emulator.services("secretsmanager"))
        self._pending: list[Consumer] = [consumer]

    def fill(self, record: SecretRecord, token: str, content: bytes) -> None:
        """Fill a secret after the other writer did."""
        if self._pending:
            self._pending.pop().write(record.name, '{"theirs": "x", "first": "ak-first"}')
        super().fill(record, token, content)


def test_a_field_that_another_writer_added_meanwhile_stays(
    emulator: Emulator, fields: Sink, consumer: Consumer
) -> None:
    first = slot_of(fields, "first")
    fields.put(first, RawKey(RAW), make_receipt())
    interrupted = make_sink(emulator, Interrupted(consumer, emulator), name=name_of(first), field="{name}")
    interrupted.put(slot_of(interrupted, "second"), RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert json.loads(consumer.text(name_of(first)) or "") == {"theirs": "x", "first": "ak-first", "second": OTHER_RAW}


def test_a_secret_of_a_former_owner_is_taken_over_field_by_field(emulator: Emulator) -> None:
    options: dict[str, Json] = {
        "name": str(emulator.options()["name"]).replace("{name}", "renamed"),
        "field": "{name}",
    }
    former = make_sink(emulator, lineage=Lineage(identity=FORMER), **options)
    old = make_receipt(owner=FORMER.owner, manifest_id=FORMER.id)
    slots = [slot_of(former, name) for name in ("ci", "second")]
    for slot in slots:
        former.put(slot, RawKey(RAW), old)
    sink = make_sink(emulator, **options)
    sink.intend(slots[0], make_intent())
    sink.put(slots[0], RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    held = sink.inspect(slots)
    assert [held[slot].receipt for slot in slots] == [make_receipt(OTHER_RAW), old]
    assert former.inspect(slots)[slots[0]].owner == IDENTITY
    sink.annotate(slots[1], make_receipt())
    later = make_sink(emulator, lineage=LINEAGE, **options).inspect(slots)
    assert [later[slot].content for slot in slots] == [Content.MATCHES, Content.MATCHES]


def test_two_keys_share_a_secret(fields: Sink, consumer: Consumer) -> None:
    first, second = slot_of(fields, "first"), slot_of(fields, "second")
    fields.put(first, RawKey(RAW), make_receipt())
    fields.put(second, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    held = fields.inspect([first, second])
    assert {holding.content for holding in held.values()} == {Content.MATCHES}
    fields.withdraw(first, OWNER)
    assert json.loads(consumer.text(name_of(second)) or "") == {"second": OTHER_RAW}
    assert look(fields, second).receipt == make_receipt(OTHER_RAW)


def test_a_field_is_put_again_without_another_version(fields: Sink, consumer: Consumer) -> None:
    slot = slot_of(fields)
    fields.put(slot, RawKey(RAW), make_receipt())
    before = consumer.stages(name_of(slot))
    fields.put(slot, RawKey(RAW), make_receipt())
    assert consumer.stages(name_of(slot)) == before


def test_a_users_field_is_not_overwritten_and_one_that_is_gone_is_missed(fields: Sink, consumer: Consumer) -> None:
    slot = slot_of(fields)
    consumer.write(name_of(slot), '{"ci": "by-hand"}')
    with pytest.raises(SinkDeniedError, match="keyplan did not write"):
        fields.intend(slot, make_intent())
    consumer.write(name_of(slot), "{}")
    fields.put(slot, RawKey(RAW), make_receipt())
    consumer.write(name_of(slot), "{}")
    assert look(fields, slot) == Holding(present=False)


def test_a_secret_that_is_no_object_has_no_fields(fields: Sink, consumer: Consumer) -> None:
    slot = slot_of(fields)
    consumer.write(name_of(slot), "plain")
    with pytest.raises(SinkDeniedError, match="no JSON object"):
        fields.intend(slot, make_intent())


def test_an_intent_for_a_second_field_leaves_the_first(fields: Sink, consumer: Consumer) -> None:
    first, second = slot_of(fields, "first"), slot_of(fields, "second")
    fields.put(first, RawKey(RAW), make_receipt())
    fields.intend(second, make_intent())
    fields.retract(second, make_intent())
    assert look(fields, first).receipt == make_receipt()


@pytest.mark.parametrize("wanted", ["ci", ""], ids=["a field where the whole is ours", "the whole where a field is"])
def test_one_secret_is_not_both_whole_and_of_fields(emulator: Emulator, wanted: str) -> None:
    options = emulator.options()
    fitting = make_sink(emulator, **{**options, "field": "" if wanted else "ci"})
    other = make_sink(emulator, **{**options, "field": wanted})
    fitting.put(slot_of(fitting), RawKey(RAW), make_receipt())
    with pytest.raises(SinkDeniedError, match="another format"):
        other.intend(slot_of(other), make_intent())


# many, failing, talking


def test_many_receipts_need_few_requests(emulator: Emulator) -> None:
    (service,) = emulator.services("secretsmanager")
    sink = make_sink(emulator, SecretsClient(service))
    slots = [slot_of(sink, f"key-{number}") for number in range(105)]
    for slot in slots:
        sink.put(slot, RawKey(RAW), make_receipt())
    asked = Counting.of(service)
    held = sink.inspect(slots)
    assert {(holding.receipt, holding.content) for holding in held.values()} == {(make_receipt(), Content.MATCHES)}
    assert set(asked) == {"list_secrets"}
    assert len(asked) <= 20


def test_nothing_that_the_sdk_logs_holds_the_raw_key(sink: Sink, slot: Slot, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "botocore", "botocore.endpoint", "botocore.parsers", "urllib3"):
        caplog.set_level("DEBUG", logger=name)
    sink.put(slot, RawKey(RAW), make_receipt())
    assert sink.read(slot) is not None
    assert RAW not in caplog.text


def test_the_installed_command_keeps_keys_there(emulator: Emulator, consumer: Consumer, tmp_path: Path) -> None:
    options = {"type": "aws-secrets-manager", **emulator.options()}

    def place(name: str) -> str:
        return str(options["name"]).replace("{name}", name)

    with travelling(
        tmp_path,
        sink=options,
        read_value=lambda name: consumer.text(place(name)),
        destroy_value=lambda name: consumer.client.delete_secret(SecretId=place(name)),
        overwrite_value=lambda name, text: consumer.write(place(name), text),
        environment=ENVIRONMENT,
    ) as journey:
        journey.run()


def test_what_would_be_refused_is_told_by_the_same_requests_as_a_look(emulator: Emulator) -> None:
    service, *_ = emulator.services("secretsmanager")
    sink = make_sink(emulator, SecretsClient(service))
    slot = slot_of(sink, "ends")
    Consumer(emulator).write(name_of(slot), "by-hand")
    Consumer(emulator).client.delete_secret(SecretId=name_of(slot))
    asked = Counting.of(service)
    sink.inspect([slot])
    alone = len(asked)
    assert_told_beforehand(sink, slot, "scheduled for deletion")
    asked.clear()
    assert isinstance(sink, Surveyable)
    sink.survey([slot])
    assert len(asked) == alone
