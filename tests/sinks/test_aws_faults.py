"""AWS that throttles, fails, or hangs up after it acted: microburst between the real SDK and moto."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
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
from sinks.aws_servers import BIN, Emulator, aws_environment, emulating
from sinks.serving import free_port, listens, serving

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.observation import Content, Slot
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.aws import secrets_manager, ssm
from keyplan.sinks.aws.parameters_client import ParametersClient
from keyplan.sinks.aws.secrets_client import SecretsClient

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]
__all__ = ["aws_environment"]

pytest.importorskip("microburst")
pytest.importorskip("moto")


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Return moto behind microburst."""
    folder = tmp_path_factory.mktemp("microburst")
    with emulating("moto", folder) as behind:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        argv = [BIN / "microburst", "--host", "127.0.0.1", "--port", str(port), "--upstream", behind.url]
        with serving(argv, is_ready=partial(listens, url), log=folder / "microburst.log"):
            yield Emulator("microburst", url)


@pytest.fixture
def inject(proxy: Emulator) -> Iterator[Callable[..., None]]:
    """Return a function that adds a rule; all are gone after the test."""
    rules = f"{proxy.url}/_microburst/rules"

    def add(**rule: Any) -> None:
        httpx.patch(rules, content=json.dumps([{"service": "*", **rule}])).raise_for_status()

    yield add
    httpx.post(rules, content="[]").raise_for_status()


@pytest.fixture(params=["aws-secrets-manager", "aws-ssm"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return each type of sink in turn."""
    return str(request.param)


@pytest.fixture
def sink(kind: str, proxy: Emulator) -> Sink:
    """Return a sink of that type."""
    return open_sink(kind, proxy)


def open_sink(kind: str, server: Emulator) -> Sink:
    settings = make_sink_settings(server.options(), sink_type=kind)
    if kind == "aws-secrets-manager":
        client = SecretsClient(*server.services("secretsmanager"))
        return secrets_manager.build_on(settings, lineage=RENAMED_LINEAGE, client=client)
    store, tagging = server.services("ssm", "resourcegroupstaggingapi")
    return ssm.build_on(settings, lineage=RENAMED_LINEAGE, client=ParametersClient(store, tagging))


@pytest.fixture
def slot(sink: Sink) -> Slot:
    return sink.locate(OWNER, make_declaration("ci"), make_delivery())


def test_throttling_that_ends_is_waited_out(sink: Sink, slot: Slot, inject: Callable[..., None]) -> None:
    inject(error={"code": "ThrottlingException"}, times=2)
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(RAW), make_receipt())
    assert sink.inspect([slot])[slot].content is Content.MATCHES


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param({"error": {"code": "ThrottlingException"}}, SinkUnavailableError, id="throttled for good"),
        pytest.param({"error": {"code": "InternalServerError", "status": 500}}, SinkUnavailableError, id="broken"),
        pytest.param({"reset": True}, SinkUnavailableError, id="hung up on"),
        pytest.param({"error": {"code": "AccessDeniedException", "status": 400}}, SinkDeniedError, id="not allowed"),
        pytest.param({"error": {"code": "ExpiredTokenException", "status": 400}}, SinkDeniedError, id="login expired"),
    ],
)
def test_a_failure_that_does_not_end_comes_with_advice(
    sink: Sink, slot: Slot, inject: Callable[..., None], fault: dict[str, Any], expected: type[Exception]
) -> None:
    inject(**fault)
    with pytest.raises(expected) as caught:
        sink.put(slot, RawKey(RAW), make_receipt())
    assert slot.location in str(caught.value) or "the listing" in str(caught.value)
    assert getattr(caught.value, "advice", "")


@pytest.mark.parametrize(
    ("operations", "is_first"),
    [
        pytest.param(("CreateSecret", "PutParameter"), True, id="making it"),
        # Not the first value: moto takes AWSCURRENT off a first version that is sent twice, which AWS does not.
        pytest.param(("PutSecretValue", "PutParameter"), False, id="another value"),
        pytest.param(("UpdateSecretVersionStage", "AddTagsToResource"), False, id="what comes after the value"),
    ],
)
def test_a_write_whose_answer_was_lost_is_repeated(
    sink: Sink, slot: Slot, inject: Callable[..., None], operations: tuple[str, ...], *, is_first: bool
) -> None:
    if not is_first:
        sink.put(slot, RawKey(RAW), make_receipt())
    for operation in operations:
        inject(operation=operation, response={"abort_frac": 0.1}, times=1)
    put_patiently(sink, slot, "ak-second")
    found = sink.inspect([slot])[slot]
    assert (found.receipt, found.content) == (make_receipt("ak-second"), Content.MATCHES)


def put_patiently(sink: Sink, slot: Slot, raw_text: str) -> None:
    """Put a raw key, again where the sink can't be reached, as a delivery does."""
    for _ in range(2):
        try:
            sink.put(slot, RawKey(raw_text), make_receipt(raw_text))
        except SinkUnavailableError:
            continue
        return
    sink.put(slot, RawKey(raw_text), make_receipt(raw_text))


def test_a_value_without_its_receipt_is_told_from_the_former_one(
    sink: Sink, slot: Slot, inject: Callable[..., None]
) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    for operation in ("TagResource", "AddTagsToResource"):
        inject(operation=operation, error={"code": "ThrottlingException"})
    with pytest.raises(SinkUnavailableError):
        sink.put(slot, RawKey("ak-second"), make_receipt("ak-second"))
    assert sink.inspect([slot])[slot].content is Content.DIFFERS


def test_no_error_quotes_what_was_sent(sink: Sink, slot: Slot, inject: Callable[..., None]) -> None:
    inject(error={"code": "ValidationException", "status": 400, "message": f"Value '{RAW}' at 'value' is bad"})
    with pytest.raises(SinkDeniedError) as caught:
        sink.put(slot, RawKey(RAW), make_receipt())
    assert RAW not in f"{caught.value!r} {caught.value.advice} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


def test_a_policy_without_reading_is_enough_where_nothing_drifted(
    sink: Sink, slot: Slot, inject: Callable[..., None]
) -> None:
    for operation in ("GetSecretValue", "GetParameter"):
        inject(operation=operation, error={"code": "AccessDeniedException", "status": 400})
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(RAW), make_receipt())
    assert sink.inspect([slot])[slot].content is Content.MATCHES


def test_drift_shows_without_the_right_to_read(
    kind: str, sink: Sink, slot: Slot, proxy: Emulator, inject: Callable[..., None]
) -> None:
    sink.put(slot, RawKey(RAW), make_receipt())
    if kind == "aws-secrets-manager":
        proxy.client("secretsmanager").put_secret_value(SecretId=slot.location, SecretString="by-hand")
    else:
        store = proxy.client("ssm")
        store.put_parameter(Name=slot.location, Value="by-hand", Type="SecureString", Overwrite=True)
    for operation in ("GetSecretValue", "GetParameter"):
        inject(operation=operation, error={"code": "AccessDeniedException", "status": 400})
    assert sink.inspect([slot])[slot].content is Content.DIFFERS


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    sink = open_sink("aws-secrets-manager", Emulator("nobody", f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(SinkUnavailableError, match=r"127\.0\.0\.1:[0-9]+: connection refused"):
        sink.inspect([sink.locate(OWNER, make_declaration("ci"), make_delivery())])
