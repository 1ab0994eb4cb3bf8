"""The policies of the pages in docs/sinks, enforced: ministack with AUTH=true checks signatures and IAM policies."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samples import (
    OWNER,
    RAW,
    RENAMED_LINEAGE,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
)
from sinks.aws_servers import REGION, Emulator, aws_environment, emulating

from keyplan.errors import SinkDeniedError
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.aws import secrets_manager, ssm
from keyplan.sinks.aws.parameters_client import ParametersClient
from keyplan.sinks.aws.secrets_client import SecretsClient
from keyplan.sinks.aws.service import Service
from keyplan.sinks.patience import open_retrier
from keyplan.testing.samples import make_context

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]
__all__ = ["aws_environment"]

boto3 = pytest.importorskip("boto3")
pytest.importorskip("ministack")
from botocore import exceptions  # noqa: E402 - only where the SDK is

PAGES = Path(__file__).parents[2] / "docs" / "sinks"
KINDS = ["aws-secrets-manager", "aws-ssm"]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Return an emulator that enforces policies."""
    with emulating("ministack", tmp_path_factory.mktemp("guarded"), AUTH="true") as running:
        yield running


def read_policy(kind: str, account: str) -> dict[str, Any]:
    """Return the first policy of a sink's page, for an account."""
    block = re.search(r"```json\n(.*?)```", (PAGES / f"{kind}.md").read_text(), re.DOTALL)
    assert block
    policy: dict[str, Any] = json.loads(block[1].replace("111122223333", account))
    return policy


def sign_in(guarded: Emulator, policy: dict[str, Any]) -> Any:
    """Return the session of a new user who has this policy and nothing else."""
    root, name = guarded.client("iam"), uuid.uuid4().hex
    root.create_user(UserName=name)
    root.put_user_policy(UserName=name, PolicyName="keyplan", PolicyDocument=json.dumps(policy))
    key = root.create_access_key(UserName=name)["AccessKey"]
    return boto3.session.Session(
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"], region_name=REGION
    )


def make_sink(guarded: Emulator, kind: str, *, without: str = "", name: str = "arize", **options: Json) -> Sink:
    """Return a sink whose user has the policy of its page, less one action."""
    policy = read_policy(kind, guarded.client("sts").get_caller_identity()["Account"])
    for statement in policy["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != without]
    session = sign_in(guarded, policy)

    def service(of: str) -> Service:
        retrier = open_retrier({}, make_context(), name="aws")
        return Service(session.client(of, endpoint_url=guarded.url), exceptions, retrier)

    whole = f"{'/' if kind == 'aws-ssm' else ''}{name}/{uuid.uuid4().hex}/{{name}}"
    settings = make_sink_settings({"name": whole, **options}, sink_type=kind)
    if kind == "aws-ssm":
        client = ParametersClient(service("ssm"), service("resourcegroupstaggingapi"))
        return ssm.build_on(settings, lineage=RENAMED_LINEAGE, client=client)
    return secrets_manager.build_on(settings, lineage=RENAMED_LINEAGE, client=SecretsClient(service("secretsmanager")))


def slot_of(sink: Sink) -> Slot:
    return sink.locate(OWNER, make_declaration("ci"), make_delivery())


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_of_the_page_is_enough_for_a_whole_life(guarded: Emulator, kind: str) -> None:
    sink = make_sink(guarded, kind)
    slot = slot_of(sink)
    for raw_text, key_id in ((RAW, "key-1"), ("ak-second", "key-2")):
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(raw_text), make_receipt(raw_text, key_id=KeyId(key_id)))
        assert sink.inspect([slot])[slot].content is Content.MATCHES
    sink.annotate(slot, make_receipt("ak-second", key_id=KeyId("key-2"), protect=True))
    sink.withdraw(slot, OWNER)
    assert sink.inspect([slot])[slot] == Holding(present=False)
    sink.intend(slot, make_intent())
    sink.retract(slot, make_intent())


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_of_the_page_is_enough_for_many_keys(guarded: Emulator, kind: str) -> None:
    sink = make_sink(guarded, kind)
    slots = [sink.locate(OWNER, make_declaration(f"key-{number}"), make_delivery()) for number in range(101)]
    sink.put(slots[0], RawKey(RAW), make_receipt())
    held = sink.inspect(slots)
    assert (held[slots[0]].content, held[slots[1]].present) == (Content.MATCHES, False)


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_of_the_page_ends_at_its_names(guarded: Emulator, kind: str) -> None:
    sink = make_sink(guarded, kind, name="others")
    with pytest.raises(SinkDeniedError, match="AWS denies") as caught:
        sink.intend(slot_of(sink), make_intent())
    assert "allow " in caught.value.advice


@pytest.mark.parametrize(
    ("kind", "without"),
    [
        pytest.param("aws-secrets-manager", "secretsmanager:PutSecretValue", id="no right to write a version"),
        pytest.param("aws-secrets-manager", "secretsmanager:UpdateSecretVersionStage", id="no right to move labels"),
        pytest.param("aws-secrets-manager", "secretsmanager:TagResource", id="no right to tag a secret"),
        pytest.param("aws-ssm", "ssm:PutParameter", id="no right to write a parameter"),
        pytest.param("aws-ssm", "ssm:AddTagsToResource", id="no right to tag a parameter"),
    ],
)
def test_a_missing_right_is_found_before_a_key_is_made(guarded: Emulator, kind: str, without: str) -> None:
    whole, lacking = make_sink(guarded, kind), make_sink(guarded, kind, without=without)
    slot = slot_of(whole)
    whole.put(slot, RawKey(RAW), make_receipt())
    with pytest.raises(SinkDeniedError, match=f"denies {without}"):
        lacking.intend(slot, make_intent())
    assert whole.inspect([slot])[slot].content is Content.MATCHES


@pytest.mark.parametrize(
    ("kind", "without"), [("aws-secrets-manager", "secretsmanager:GetSecretValue"), ("aws-ssm", "ssm:GetParameter")]
)
def test_a_life_needs_no_right_to_read(guarded: Emulator, kind: str, without: str) -> None:
    sink = make_sink(guarded, kind, without=without)
    slot = slot_of(sink)
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(RAW), make_receipt())
    assert sink.inspect([slot])[slot].content is Content.MATCHES
    with pytest.raises(SinkDeniedError, match=f"denies {without}"):
        sink.read(slot)
    sink.withdraw(slot, OWNER)


def test_without_the_index_of_tags_each_parameter_is_asked(guarded: Emulator) -> None:
    sink = make_sink(guarded, "aws-ssm", without="tag:GetResources")
    slots = [sink.locate(OWNER, make_declaration(f"key-{number}"), make_delivery()) for number in range(51)]
    sink.put(slots[0], RawKey(RAW), make_receipt())
    assert sink.inspect(slots)[slots[0]].content is Content.MATCHES


def test_a_field_that_may_not_be_read_is_refused_before_a_key_is_made(guarded: Emulator) -> None:
    sink = make_sink(guarded, "aws-secrets-manager", without="secretsmanager:GetSecretValue", field="{name}")
    slot = slot_of(sink)
    guarded.client("secretsmanager").create_secret(Name=str(slot.options["name"]), SecretString='{"other": "x"}')
    with pytest.raises(SinkDeniedError, match="denies secretsmanager:GetSecretValue"):
        sink.intend(slot, make_intent())
    assert sink.inspect([slot])[slot] == Holding(present=True)
