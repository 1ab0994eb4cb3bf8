"""What the AWS sinks do without boto3 and without a server."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from samples import (
    NOW,
    OWNER,
    RAW,
    RENAMED_LINEAGE,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
)
from simulated.clock import SimulatedClock

from keyplan.errors import InputError, SinkDeniedError, SinkError, SinkPausedError, SinkUnavailableError
from keyplan.model.identity import Address, KeyId, UserId
from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.receipt import Superseded
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.aws import notes as aws_notes
from keyplan.sinks.aws import secrets_manager as aws_secrets_manager
from keyplan.sinks.aws import ssm as aws_ssm
from keyplan.sinks.aws.notes import WHOLE, AwsNote
from keyplan.sinks.aws.parameters_client import ParametersClient
from keyplan.sinks.aws.secrets_client import SecretRecord, SecretsClient
from keyplan.sinks.aws.service import Service, connect, to_name_part
from keyplan.sinks.formats import JsonField
from keyplan.sinks.patience import open_retrier
from keyplan.testing.samples import make_context


class ClientError(Exception):
    """Behaves like botocore's."""

    def __init__(self, code: str, status: int = 400, message: str = "", **headers: str) -> None:
        super().__init__(message)
        metadata = {"HTTPStatusCode": status, "HTTPHeaders": {k.replace("_", "-"): v for k, v in headers.items()}}
        self.response = {"Error": {"Code": code}, "ResponseMetadata": metadata}


class BotoCoreError(Exception): ...


class NoCredentialsError(BotoCoreError): ...


class ParamValidationError(BotoCoreError): ...


class SSOError(BotoCoreError): ...


ERRORS = SimpleNamespace(
    ClientError=ClientError,
    BotoCoreError=BotoCoreError,
    NoCredentialsError=NoCredentialsError,
    PartialCredentialsError=NoCredentialsError,
    CredentialRetrievalError=NoCredentialsError,
    SSOError=SSOError,
    TokenRetrievalError=NoCredentialsError,
    UnauthorizedSSOTokenError=SSOError,
    ParamValidationError=ParamValidationError,
)


class Scripted:
    """A client that gives these answers by operation, and notes what it is asked."""

    def __init__(self, answers: Mapping[str, Any], name: str = "secretsmanager") -> None:
        self._answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        model = SimpleNamespace(signing_name=name)
        self.meta = SimpleNamespace(service_model=model, endpoint_url="https://aws.test")

    def __getattr__(self, operation: str) -> Any:
        def answer(**arguments: Any) -> Any:
            self.asked.append((operation, arguments))
            given = self._answers[operation]
            found = given.pop(0) if isinstance(given, list) else given
            if isinstance(found, Exception):
                raise found
            return found

        return answer


def make_service(client: Scripted, *, clock: SimulatedClock | None = None) -> Service:
    return Service(client, ERRORS, open_retrier({}, make_context(clock=clock), name="aws"))


def service(name: str = "secretsmanager", **answers: Any) -> Service:
    return make_service(Scripted(answers, name))


# failures


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        pytest.param(ClientError("AccessDeniedException"), SinkDeniedError, "denies secretsmanager:DescribeSecret"),
        pytest.param(ClientError("ThrottlingException"), SinkPausedError, "still busy or throttled after 120 s of"),
        pytest.param(ClientError("", 503), SinkUnavailableError, "503"),
        pytest.param(ClientError("ExpiredTokenException"), SinkDeniedError, "ExpiredToken"),
        pytest.param(ClientError("ValidationException"), SinkDeniedError, "ValidationException"),
        pytest.param(NoCredentialsError(), SinkDeniedError, "no usable AWS credentials"),
        pytest.param(SSOError(), SinkDeniedError, "no usable AWS credentials"),
        pytest.param(ParamValidationError(), SinkDeniedError, "the AWS SDK refuses"),
        pytest.param(BotoCoreError(), SinkUnavailableError, r"aws\.test: the exchange failed \(BotoCoreError\)"),
    ],
    ids=lambda value: str(getattr(value, "response", value) or "")[:60],
)
def test_every_failure_is_denied_or_unavailable_with_advice(
    error: Exception, expected: type[SinkError], words: str
) -> None:
    with pytest.raises(expected, match=words) as caught:
        service(describe_secret=error).call("describe_secret", "arize/ci", SecretId="arize/ci")
    assert caught.value.message.startswith("arize/ci: ")
    assert caught.value.advice


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ClientError("ThrottlingException"), id="Secrets Manager, SSM"),
        pytest.param(ClientError("TooManyRequestsException"), id="the index of tags"),
        pytest.param(ClientError("TooManyUpdates"), id="SSM: changes too fast after each other"),
        pytest.param(ClientError("RequestLimitExceeded", 503), id="an account's limit"),
        pytest.param(ClientError("", 429), id="a proxy's"),
    ],
)
def test_throttling_is_waited_out_and_is_no_refusal(error: ClientError) -> None:
    clock, client = SimulatedClock(), Scripted({"describe_secret": [*[error] * 5, {"Name": "arize/ci"}]})
    began = clock.now()
    assert make_service(client, clock=clock).call("describe_secret", "arize/ci") == {"Name": "arize/ci"}
    assert len(client.asked) == 6
    assert timedelta(seconds=10) < clock.now() - began < timedelta(seconds=120)


def test_the_time_that_aws_names_is_waited() -> None:
    error = ClientError("", 503, retry_after="7")
    clock, client = SimulatedClock(), Scripted({"describe_secret": [error, {}]})
    began = clock.now()
    make_service(client, clock=clock).call("describe_secret", "arize/ci")
    assert clock.now() - began == timedelta(seconds=7)


@pytest.mark.parametrize("error", [ClientError("InternalServerError", 500), BotoCoreError()], ids=["500", "no answer"])
def test_a_failure_is_tried_three_times(error: Exception) -> None:
    client = Scripted({"describe_secret": error})
    with pytest.raises(SinkUnavailableError):
        make_service(client).call("describe_secret", "arize/ci")
    assert len(client.asked) == 3


def test_a_service_that_is_paused_for_others_is_not_asked() -> None:
    client = Scripted({})
    service = make_service(client)
    service._retrier.gate.throttled(0, pause=timedelta(hours=1))
    with pytest.raises(SinkPausedError, match="arize/ci: busy or throttled until"):
        service.call("describe_secret", "arize/ci")
    assert client.asked == []


def test_no_failure_quotes_what_aws_or_its_sdk_says() -> None:
    error = ClientError("ValidationException", message=f"Value '{RAW}' at 'secretString' is too funny")
    with pytest.raises(SinkDeniedError) as caught:
        service(put_secret_value=error).call("put_secret_value", "arize/ci", SecretString=RAW)
    assert RAW not in f"{caught.value!r} {caught.value.advice}"
    assert caught.value.__suppress_context__


def test_the_index_of_tags_is_named_as_policies_name_it() -> None:
    with pytest.raises(SinkDeniedError, match="tag:GetResources"):
        service("tagging", get_resources=ClientError("AccessDenied")).call("get_resources", "the index")


def test_a_listing_goes_on_to_its_end() -> None:
    pages = service(list_secrets=[{"NextToken": "more"}, {"SecretList": []}]).pages("list_secrets", "all")
    assert list(pages) == [{"NextToken": "more"}, {"SecretList": []}]


@pytest.mark.parametrize("option", ["region", "profile", "endpoint_url"])
def test_a_key_has_no_connection_of_its_own(option: str) -> None:
    for sink in (secrets_sink({"name": "{name}"}), parameters_sink("{name}")):
        with pytest.raises(InputError, match=f"'{option}' can't differ") as caught:
            sink.locate(OWNER, make_declaration("ci"), make_delivery({option: "x"}))
        assert "second sink" in caught.value.advice


@pytest.mark.parametrize("kind", [aws_secrets_manager, aws_ssm], ids=["secrets manager", "ssm"])
@pytest.mark.parametrize("endpoint", ["http://example.com", "ftp://x", "nonsense"])
@pytest.mark.skipif(not find_spec("boto3"), reason="boto3 is not installed")
def test_an_endpoint_that_would_show_keys_to_everyone_is_refused(kind: Any, endpoint: str) -> None:
    with pytest.raises(InputError, match="endpoint_url"):
        kind.build(make_sink_settings({"name": "x", "endpoint_url": endpoint}), make_context())


@pytest.mark.skipif(not find_spec("boto3"), reason="boto3 is not installed")
@pytest.mark.parametrize(
    ("options", "words"),
    [({}, "no AWS region"), ({"profile": "nobody", "region": "eu-west-1"}, "ProfileNotFound")],
    ids=["no region", "no such profile"],
)
def test_what_the_sdk_lacks_is_said(
    options: dict[str, Json], words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(InputError, match=words):
        connect(["ssm"], make_sink_settings(options, sink_type="aws-ssm"), make_context())


# options and places


@pytest.mark.parametrize("kind", [aws_secrets_manager, aws_ssm], ids=["secrets manager", "ssm"])
def test_the_options_are_a_schema_and_take_their_own_defaults(kind: Any) -> None:
    Draft202012Validator.check_schema(kind.OPTIONS)
    defaults = {name: rule["default"] for name, rule in kind.OPTIONS["properties"].items() if "default" in rule}
    assert Draft202012Validator(kind.OPTIONS).is_valid({"name": "arize/{name}", **defaults})
    assert not Draft202012Validator(kind.OPTIONS).is_valid({"name": "arize/{name}", "nmae": 1})


@pytest.mark.parametrize("kind", [aws_secrets_manager, aws_ssm], ids=["secrets manager", "ssm"])
def test_every_option_stands_on_its_page(kind: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sinks" / f"{kind.TYPE}.md").read_text()
    assert not [name for name in kind.OPTIONS["properties"] if f"| `{name}` |" not in page]


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        pytest.param("ci-1_a.B", r"ci-1_a\.B", id="what AWS takes stays"),
        pytest.param("team/ci", r"team-ci-[0-9a-f]{8}", id="a separator would make a folder"),
        pytest.param("..", r"[0-9a-f]{8}", id="dots alone climb"),
        pytest.param("", r"[0-9a-f]{8}", id="nothing is no name"),
        pytest.param("größer", r"gr--er-[0-9a-f]{8}", id="AWS takes ASCII only"),
        pytest.param("x" * 101, r"x{91}-[0-9a-f]{8}", id="too long"),
    ],
)
def test_a_value_is_made_fit_for_a_name(value: str, pattern: str) -> None:
    assert re.fullmatch(pattern, to_name_part(value))


def secrets_sink(options: dict[str, Json], client: Service | None = None) -> Sink:
    settings = make_sink_settings(options)
    return aws_secrets_manager.build_on(settings, lineage=RENAMED_LINEAGE, client=SecretsClient(client or service()))


def parameters_sink(name: str, store: Service | None = None) -> Sink:
    client = ParametersClient(store or service("ssm"), service("tagging"))
    return aws_ssm.build_on(make_sink_settings({"name": name}), lineage=RENAMED_LINEAGE, client=client)


def secret_slot(options: dict[str, Json]) -> Slot:
    return secrets_sink(options).locate(OWNER, make_declaration("ci"), make_delivery())


def parameter_slot(name: str) -> Slot:
    return parameters_sink(name).locate(OWNER, make_declaration("ci"), make_delivery())


def test_a_slot_names_secret_and_field() -> None:
    assert secret_slot({"name": "arize/{name}"}).location == "arize/ci"
    assert secret_slot({"name": "arize", "field": "{name}_key"}).location == "arize#ci_key"


@pytest.mark.parametrize("options", [{"format": "json"}, {"newline": True}], ids=["json", "newline"])
def test_a_field_has_no_form_of_its_own(options: dict[str, Json]) -> None:
    with pytest.raises(InputError, match="'field' goes with neither"):
        secret_slot({"name": "arize", "field": "x", **options})


def test_a_secret_whose_name_aws_does_not_take_is_refused() -> None:
    with pytest.raises(InputError, match="can't be a name in AWS"):
        secret_slot({"name": "arize {name}"})


@pytest.mark.parametrize("name", ["/arize/{name}", "arize.{name}", "/a/b/c/{name}"])
def test_a_parameter_is_named_as_aws_does(name: str) -> None:
    assert parameter_slot(name).location == name.format(name="ci")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("arize/{name}", id="a folder without a leading slash"),
        pytest.param("/aws/{name}", id="aws is AWS's own"),
        pytest.param("SSM-{name}", id="ssm is AWS's own"),
        pytest.param("/a" * 16, id="deeper than 15"),
        pytest.param("/arize//{name}", id="an empty folder"),
        pytest.param("/" + "a" * 900, id="longer than an ARN has room for"),
    ],
)
def test_a_parameter_whose_name_aws_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="name"):
        parameter_slot(name)


# notes


def test_notes_survive_tags_that_aws_allows() -> None:
    superseded = tuple(Superseded(key_id=f"k{n}", switched_at=NOW, delete_after=NOW) for n in range(9))  # type: ignore[arg-type]  # a key id is text
    receipt = make_receipt(name="größer '\"&<\n" * 20, superseded=superseded)
    note = AwsNote(owner=OWNER, receipt=receipt, intent=make_intent(), version="7", void="6", made=True)
    tags = note.to_tags(WHOLE)
    assert AwsNote.read({**tags, "cost-centre": "42"}, WHOLE) == note
    assert all(re.fullmatch(r"[\w .:/=+@-]{0,256}", value, re.ASCII) for value in tags.values())


def test_the_longest_receipt_and_its_successors_intent_fit_into_the_tags_of_one_resource() -> None:
    old = tuple(Superseded(key_id=KeyId(f"QXBpS2V5{n}"), switched_at=NOW, delete_after=NOW) for n in range(9))
    creator, name = UserId("VXNlcjoxMjM0NTY3OmFCY0Q="), "\N{KEY}" * 256
    address = Address(f"user/{name}")
    receipt = make_receipt(name=name, address=address, superseded=old, creator=creator, expires_at=NOW)
    intent = make_intent(address=address, alive_before=tuple(one.key_id for one in old))
    note = AwsNote(owner=OWNER, receipt=receipt, intent=intent, version="v" * 36, void="v" * 36, made=True)
    tags = note.to_tags(WHOLE)
    assert AwsNote.read(tags, WHOLE) == note
    # AWS takes 50, and users have theirs.
    assert len(tags) <= 40


@pytest.mark.parametrize("value", ["1-00000000-x", "1-2a2e1e25-", "no"])
def test_damaged_tags_are_no_receipt(value: str) -> None:
    assert AwsNote.read({"keyplan-owner": OWNER, "keyplan-receipt-00": value}, WHOLE) == AwsNote(owner=OWNER)


def test_a_receipt_of_another_shape_is_none() -> None:
    tags = aws_notes._dump({"unheard": "of"}, "keyplan-receipt")
    assert AwsNote.read({"keyplan-owner": OWNER, **tags}, WHOLE) == AwsNote(owner=OWNER)


def test_text_that_is_no_json_is_no_receipt() -> None:
    tags = aws_notes.chunks.split("####", prefix="keyplan-receipt", size=256)
    assert AwsNote.read(tags, WHOLE) == AwsNote()


def test_a_receipt_beyond_all_tags_is_refused() -> None:
    with pytest.raises(SinkDeniedError, match="too long"):
        AwsNote(owner=OWNER, receipt=make_receipt(name="x" * 30_000)).to_tags(WHOLE)


# fields


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", None),
        (b"{}", None),
        (b'{"a": ""}', None),
        (b'{"a": "x"}', "x"),
        (b'{"a": 1}', "1"),
        (b'{"a": null}', None),
    ],
)
def test_a_field_is_read(content: bytes, expected: str | None) -> None:
    assert JsonField("a").read(content) == expected


def test_a_field_is_set_and_unset_beside_others() -> None:
    both = JsonField("a").set(b'{"b": 1}', "x", make_receipt())
    assert json.loads(both) == {"a": "x", "b": 1}
    assert json.loads(JsonField("a").unset(both)) == {"b": 1}
    assert JsonField("b").unset(JsonField("a").unset(both)) == b""


@pytest.mark.parametrize("content", [b"plain", b"[]", b'"text"', b"\xff"])
def test_what_is_no_object_is_not_overwritten(content: bytes) -> None:
    with pytest.raises(SinkDeniedError, match="no JSON object"):
        JsonField("a").set(content, "x", make_receipt())


# what no emulator shows


def test_a_value_that_may_not_be_read_and_is_not_ours_differs() -> None:
    tags = aws_notes.to_list(AwsNote(owner=OWNER, receipt=make_receipt(), version="old").to_tags(WHOLE))
    described = {"Name": "arize/ci", "Tags": tags, "VersionIdsToStages": {"new": ["AWSCURRENT"]}}
    client = service(describe_secret=described, get_secret_value=ClientError("AccessDeniedException"))
    sink = secrets_sink({"name": "arize/{name}"}, client)
    slot = sink.locate(OWNER, make_declaration("ci"), make_delivery())
    expected = Holding(present=True, receipt=make_receipt(), content=Content.DIFFERS)
    assert sink.inspect([slot])[slot] == expected


def test_a_listed_secret_that_looks_changed_is_looked_at_again() -> None:
    names = [f"s{number}" for number in range(101)]
    fresh = AwsNote(owner=OWNER, receipt=make_receipt(), version="v2").to_tags(WHOLE)
    stale = AwsNote(owner=OWNER, receipt=make_receipt(), version="v1").to_tags(WHOLE)
    listed = [
        {"Name": name, "Tags": aws_notes.to_list(fresh), "SecretVersionsToStages": {"v2": ["AWSCURRENT"]}}
        for name in names[1:]
    ]
    listed.append({"Name": "s0", "Tags": aws_notes.to_list(stale), "SecretVersionsToStages": {"v2": ["AWSCURRENT"]}})
    exact = {"Name": "s0", "Tags": aws_notes.to_list(fresh), "VersionIdsToStages": {"v2": ["AWSCURRENT"]}}
    found = SecretsClient(service(list_secrets={"SecretList": listed}, describe_secret=exact)).look(names, OWNER)
    assert {record.tags["keyplan-version"] for record in found.values()} == {"v2"}


def test_a_first_version_that_aws_makes_current_by_itself_is_not_moved() -> None:
    client = Scripted(
        {"put_secret_value": {"VersionStages": ["AWSCURRENT", "AWSPENDING"]}, "update_secret_version_stage": {}}
    )
    record = SecretRecord(name="s", tags={}, stages={}, is_deleted=False)
    SecretsClient(make_service(client)).fill(record, "v1", b"x")
    assert client.asked[-1] == (
        "update_secret_version_stage",
        {"SecretId": "s", "VersionStage": "AWSPENDING", "RemoveFromVersionId": "v1"},
    )


def test_an_index_of_tags_of_several_pages_is_read_to_its_end() -> None:
    def page(name: str, token: str) -> dict[str, Any]:
        arn = f"arn:aws:ssm:eu-west-1:1:parameter/{name}"
        tags = AwsNote(owner=OWNER, receipt=make_receipt(), version="1").to_tags(WHOLE)
        return {
            "ResourceTagMappingList": [{"ResourceARN": arn, "Tags": aws_notes.to_list(tags)}],
            "PaginationToken": token,
        }

    names = [f"/a/{number}" for number in range(101)]
    described = {"Parameters": [{"Name": name, "Type": "SecureString", "Version": 1} for name in names[:2]]}
    store = service("ssm", describe_parameters=[described, {"Parameters": []}, {"Parameters": []}])
    index = service("tagging", get_resources=[page("a/0", "more"), page("a/1", "")])
    found = ParametersClient(store, index).look(names, OWNER)
    assert [record.tags["keyplan-owner"] for record in found.values()] == [OWNER, OWNER]


def test_a_raw_key_can_be_put_without_an_intent_before() -> None:
    client = Scripted(
        {
            "describe_secret": ClientError("ResourceNotFoundException"),
            "create_secret": {},
            "put_secret_value": {"VersionStages": ["AWSCURRENT"]},
            "update_secret_version_stage": {},
            "tag_resource": {},
        }
    )
    sink = secrets_sink({"name": "{name}", "kms_key_id": "alias/k"}, make_service(client))
    slot = sink.locate(OWNER, make_declaration("ci"), make_delivery())
    sink.put(slot, RawKey(RAW), make_receipt())
    assert [operation for operation, _ in client.asked] == [
        "describe_secret",
        "create_secret",
        "put_secret_value",
        "update_secret_version_stage",
        "tag_resource",
    ]
