"""What the sink `kubernetes` does without a server: names, the contract on a fake, and what it says of troubles."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import jsonschema
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
from simulated.clock import SimulatedClock
from sinks.kubernetes.cluster import APPLY, MERGE, TOKENS, Cluster
from sinks.kubernetes.fake import KubernetesFake
from starlette.requests import Request

from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.secret import Credential, RawKey
from keyplan.net.http import open_client
from keyplan.net.retry import Gate, Patience, Retrier
from keyplan.sinks.engine import SinkEngine
from keyplan.sinks.kubernetes.client import KubeApi
from keyplan.sinks.kubernetes.config import Connection
from keyplan.sinks.kubernetes.identity import Presented, Static
from keyplan.sinks.kubernetes.places import digest, is_reserved
from keyplan.sinks.kubernetes.sink import OPTIONS, build_on
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

Answers = Callable[[httpx.Request], httpx.Response]
URL = "http://127.0.0.1:6443"


class Script:
    """Answers requests in order, and remembers them."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = iter(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def open_sink(script: Answers, identity: Any = None, **options: Json) -> SinkEngine:
    clock = SimulatedClock()
    connection = Connection(server=URL, identity=identity or Static(token=Credential("t0ken"), certificate=None))
    api = KubeApi(
        connection,
        open_http=lambda _, __: open_client(transport=httpx.MockTransport(script)),
        retrier=Retrier(
            clock=clock,
            jitter=lambda _: 0.0,
            gate=Gate(clock),
            patience=Patience(attempts=3, deadline=timedelta(seconds=90)),
        ),
        metadata_only=bool(options.get("write_only")),
    )
    settings = make_sink_settings({"name": "arize-keys", **options}, sink_type="kubernetes")
    return build_on(settings, api, lineage=RENAMED_LINEAGE, namespace="ml")


def find_slot(sink: SinkEngine, name: str = "ci", /, **changes: Json) -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery(changes))


def secret(**metadata: Any) -> httpx.Response:
    whole = {"name": "arize-keys", "namespace": "ml", "uid": "u", "resourceVersion": "1", **metadata}
    return httpx.Response(200, json={"kind": "Secret", "metadata": whole})


def refusal(code: int, reason: str = "", *causes: tuple[str, str], kind: str = "secrets") -> httpx.Response:
    found = [{"reason": why, "field": place, "message": f"quotes {RAW}"} for why, place in causes]
    details = {"kind": kind, "causes": found}
    status = {"kind": "Status", "reason": reason, "details": details, "message": f"quotes {RAW}"}
    return httpx.Response(code, json=status)


NOTHING = refusal(404, "NotFound")


class Served:
    """Answers as the fake cluster does, without a socket."""

    def __init__(self) -> None:
        self._fake = KubernetesFake(TOKENS)
        self.cluster = Cluster("http://fake", transport=httpx.MockTransport(self))
        self.namespace = self.cluster.make_namespace()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        scope = {
            "type": "http",
            "method": request.method,
            "path": request.url.path,
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
        }
        answer = self._fake.answer(Request(scope), request.content)
        return httpx.Response(answer.status_code, content=bytes(answer.body))


WAYS: Mapping[str, tuple[str, Mapping[str, Json]]] = {
    "entries of one Secret": ("full", {}),
    "values never asked for": ("full", {"write_only": True}),
    "no right to get": ("writer", {"name": "arize-{name}"}),
}


class TestKubernetesFake(SinkContract):
    @pytest.fixture(params=WAYS.values(), ids=WAYS)
    def sink(self, request: pytest.FixtureRequest) -> SinkEngine:
        self.served = Served()
        who, options = request.param
        identity = Static(token=Credential(f"token-of-{who}"), certificate=None)
        return open_sink(self.served, identity, namespace=self.served.namespace, **options)

    def value_at(self, slot: Slot) -> str | None:
        return self.served.cluster.value(self.served.namespace, str(slot.options["name"]), str(slot.options["entry"]))

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        name, entry = str(slot.options["name"]), str(slot.options["entry"])
        self.served.cluster.person_writes(self.served.namespace, name, entry, raw_text)

    def test_an_owner_with_many_secrets_lists_them(self, sink: SinkEngine) -> None:
        slots = [find_slot(sink, f"n{number}", name="{name}") for number in range(6)]
        for slot in slots:
            sink.put(slot, RawKey(RAW), make_receipt())
        assert {holding.receipt for holding in sink.inspect(slots).values()} == {make_receipt()}

    def test_a_controller_that_declares_the_entry_is_named(self, sink: SinkEngine, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        self.served.cluster.controller_applies(self.served.namespace, str(slot.options["name"]), "ci", "theirs")
        with pytest.raises(SinkDeniedError, match="argocd-controller"):
            sink.intend(slot, make_intent())

    def test_damaged_notes_are_made_good(self, sink: SinkEngine, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        damaged = {f"keyplan/{kind}.{digest('ci')}": '{"x": 1}' for kind in ("receipt", "intent")}
        changes = {"metadata": {"annotations": damaged}}
        self.served.cluster.patch(self.served.namespace, str(slot.options["name"]), changes)
        assert self.look(sink, slot) == Holding(present=True)
        sink.put(slot, RawKey(RAW), make_receipt())
        assert self.look(sink, slot).receipt == make_receipt()

    def test_what_may_outlive_its_declaration_stays(self, sink: SinkEngine) -> None:
        slot = find_slot(sink, on_remove="keep", format="json")
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.withdraw(slot, OWNER)
        assert self.look(sink, slot).present


# labels and annotations

LABELLED: dict[str, Json] = {
    "labels": {"team": "ml", "example.com/tier": "gold"},
    "annotations": {"reflector.v1.k8s.emberstack.com/reflection-allowed": "true", "note": "{not a template}"},
}


class TestMetadata:
    @pytest.fixture(params=[False, True], ids=["readable", "write_only"])
    def served(self, request: pytest.FixtureRequest) -> Served:
        self.options: dict[str, Json] = {"write_only": request.param}
        return Served()

    def open(self, served: Served, **options: Json) -> SinkEngine:
        identity = Static(token=Credential("token-of-full"), certificate=None)
        return open_sink(served, identity, namespace=served.namespace, **self.options, **options)

    def deliver(self, sink: SinkEngine, name: str = "ci", raw: str = RAW) -> Slot:
        slot = find_slot(sink, name)
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(raw), make_receipt(raw), intent=make_intent())
        return slot

    def metadata(self, served: Served) -> dict[str, dict[str, str]]:
        """Return labels and annotations that are not keyplan's own."""
        found = served.cluster.secret(served.namespace, "arize-keys")
        assert found is not None
        return {
            kind: {name: text for name, text in found["metadata"].get(kind, {}).items() if not is_reserved(name)}
            for kind in ("labels", "annotations")
        }

    def test_a_secret_bears_them_from_the_intent_on(self, served: Served) -> None:
        sink = self.open(served, **LABELLED)
        sink.intend(find_slot(sink), make_intent())
        assert self.metadata(served) == LABELLED
        self.deliver(sink)
        assert self.metadata(served) == LABELLED

    def test_those_of_others_stay(self, served: Served) -> None:
        theirs = {"labels": {"team": "theirs", "other": "x"}, "annotations": {"kubectl/by": "hand"}}
        served.cluster.make_secret(served.namespace, "arize-keys", metadata=theirs)
        sink = self.open(served, **LABELLED)
        self.deliver(sink)
        self.deliver(sink, raw=OTHER_RAW)
        assert self.metadata(served) == {
            "labels": {"team": "theirs", "other": "x", "example.com/tier": "gold"},
            "annotations": {**LABELLED["annotations"], "kubectl/by": "hand"},  # type: ignore[dict-item]  # a mapping
        }

    def test_a_change_of_them_comes_with_the_next_key_and_what_was_taken_out_goes(self, served: Served) -> None:
        self.deliver(self.open(served, **LABELLED))
        sink = self.open(served, labels={"team": "platform"})
        self.deliver(sink, raw=OTHER_RAW)
        self.deliver(sink)
        assert self.metadata(served) == {"labels": {"team": "platform"}, "annotations": {}}

    def test_several_keys_of_one_secret_share_them(self, served: Served) -> None:
        sink = self.open(served, **LABELLED)
        first, second = self.deliver(sink), self.deliver(sink, "other")
        sink.withdraw(first, OWNER)
        assert self.metadata(served) == LABELLED
        sink.withdraw(second, OWNER)
        assert served.cluster.secret(served.namespace, "arize-keys") is None

    def test_they_go_with_the_last_key_from_a_secret_of_others(self, served: Served) -> None:
        theirs = {"labels": {"other": "x"}}
        served.cluster.make_secret(served.namespace, "arize-keys", metadata=theirs)
        sink = self.open(served, **LABELLED)
        sink.withdraw(self.deliver(sink), OWNER)
        assert self.metadata(served) == {"labels": {"other": "x"}, "annotations": {}}

    def test_an_intent_that_is_taken_back_takes_them_along(self, served: Served) -> None:
        served.cluster.make_secret(served.namespace, "arize-keys", metadata={"labels": {"other": "x"}})
        sink = self.open(served, **LABELLED)
        slot = find_slot(sink)
        sink.intend(slot, make_intent())
        sink.retract(slot, make_intent())
        assert self.metadata(served) == {"labels": {"other": "x"}, "annotations": {}}


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param({"labels": {"team": "ml", "example.com/tier": ""}}, True, id="labels"),
        pytest.param({"labels": None, "annotations": None}, True, id="nulls"),
        pytest.param({"annotations": {"a": "any text at all: {}"}}, True, id="annotations take any text"),
        pytest.param({"labels": {"keyplan/owner": "x"}}, False, id="keyplan's own"),
        pytest.param({"annotations": {"keyplan/receipt.x": "x"}}, False, id="keyplan's own annotation"),
        pytest.param({"labels": {"app.kubernetes.io/managed-by": "x"}}, False, id="keyplan's own mark"),
        pytest.param({"labels": {"app.kubernetes.io/managed-by-us": "x"}}, True, id="a name that begins alike"),
        pytest.param({"labels": {"a b": "x"}}, False, id="no name"),
        pytest.param({"labels": {"a": "b c"}}, False, id="no value of a label"),
        pytest.param({"labels": {"a": 1}}, False, id="no text"),
        pytest.param({"labels": {"a" * 64: "x"}}, False, id="too long"),
    ],
)
def test_labels_and_annotations_fit_kubernetes(options: dict[str, Json], fits: bool) -> None:
    assert jsonschema.Draft202012Validator(OPTIONS).is_valid({"name": "x", **options}) is fits


# options and names


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="no name"),
        pytest.param({"name": "x", "on_remove": "burn"}, id="unknown word"),
        pytest.param({"name": "x", "token": "t"}, id="unknown option"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Json]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(options, OPTIONS)


@pytest.mark.parametrize(
    ("name", "options", "location"),
    [
        pytest.param("ci", {}, "ml/arize-keys#ci", id="as it is"),
        pytest.param("ci", {"namespace": "other"}, "other/arize-keys#ci", id="named namespace"),
        pytest.param("My_Key.1", {}, "ml/arize-keys#My_Key.1", id="an entry takes all this"),
        pytest.param(
            "My_Key", {"name": "{name}", "entry": "key"}, f"ml/my-key-{digest('My_Key')}#key", id="a name takes less"
        ),
        pytest.param("team/ci", {}, f"ml/arize-keys#team-ci-{digest('team/ci')}", id="no slash"),
        pytest.param("/", {}, f"ml/arize-keys#{digest('/')}", id="nothing left"),
        pytest.param("x" * 120, {}, f"ml/arize-keys#{'x' * 89}-{digest('x' * 120)}", id="very long"),
        pytest.param("ci", {"entry": "ARIZE_API_KEY"}, "ml/arize-keys#ARIZE_API_KEY", id="as a variable"),
    ],
)
def test_a_slot_is_a_secret_and_its_entry(name: str, options: dict[str, Json], location: str) -> None:
    sink = open_sink(Script())
    assert find_slot(sink, name, **options).location == location


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"name": "Upper"}, "can't be a Secret's name", id="upper case"),
        pytest.param({"name": "a/b"}, "can't be a Secret's name", id="slash"),
        pytest.param({"name": "x" * 254}, "can't be a Secret's name", id="too long"),
        pytest.param({"entry": "..x"}, "can't be a Secret's entry", id="two dots"),
        pytest.param({"entry": "."}, "can't be a Secret's entry", id="a dot"),
        pytest.param({"namespace": "a.b"}, "can't be a namespace", id="namespace with a dot"),
        pytest.param({"name": "{nmae}"}, "did you mean", id="unknown field"),
        pytest.param({"context": "c"}, "'context' can't differ for one key", id="another cluster for one key"),
    ],
)
def test_impossible_places_are_refused(options: dict[str, Json], message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_slot(open_sink(Script()), **options)


# answers


def test_the_token_goes_with_every_request_and_the_server_name_with_the_handshake() -> None:
    script = Script(NOTHING)
    sink = open_sink(script)
    assert sink.inspect([find_slot(sink)]) == {find_slot(sink): Holding(present=False)}
    assert script.requests[0].headers["Authorization"] == "Bearer t0ken"
    assert script.requests[0].url.path == "/api/v1/namespaces/ml/secrets/arize-keys"


def test_a_credential_that_is_refused_is_renewed_once() -> None:
    class Renewing:
        def present(self, now: datetime, *, renewed: bool) -> Presented:
            return Presented(token=Credential("second" if renewed else "first"))

    script = Script(refusal(401), NOTHING)
    sink = open_sink(script, Renewing())
    sink.inspect([find_slot(sink)])
    assert [request.headers["Authorization"] for request in script.requests] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(httpx.Response(429, headers={"Retry-After": "1"}), id="asked to slow down"),
        pytest.param(httpx.Response(429), id="asked to slow down, not for how long"),
        pytest.param(httpx.Response(500), id="500"),
        pytest.param(httpx.Response(503), id="503"),
        pytest.param(httpx.ConnectError("refused"), id="no connection"),
        pytest.param(httpx.ReadTimeout("late"), id="no answer in time"),
    ],
)
def test_a_passing_trouble_is_waited_out(trouble: httpx.Response | Exception) -> None:
    script = Script(trouble, NOTHING)
    sink = open_sink(script)
    assert sink.read(find_slot(sink)) is None
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        pytest.param([httpx.Response(502)] * 3, "the server answered 502", id="stays broken"),
        pytest.param([httpx.ConnectError("refused")] * 3, "no connection", id="stays away"),
        pytest.param([httpx.Response(200, text="<html>")], "a web page came in place", id="HTML"),
        pytest.param([httpx.Response(200, json=[])], "not that of a Kubernetes API", id="no object"),
        pytest.param([httpx.Response(200, json={"kind": "Pod"})], "not that of a Kubernetes API", id="no Secret"),
        pytest.param(
            [httpx.Response(200, json={**json.loads(secret().text), "data": {"ci": "?"}})],
            "not that of a Kubernetes API",
            id="no base64",
        ),
    ],
)
def test_a_cluster_that_can_not_answer_is_unavailable(answers: list[httpx.Response | Exception], message: str) -> None:
    sink = open_sink(Script(*answers))
    with pytest.raises(SinkUnavailableError, match=message):
        sink.inspect([find_slot(sink)])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(refusal(403, "Forbidden"), "does not allow to create and patch", id="rights or quota"),
        pytest.param(refusal(404, "NotFound", kind="namespaces"), "no such namespace", id="namespace"),
        pytest.param(refusal(406), "too old", id="no metadata"),
        pytest.param(refusal(415), "no server-side apply", id="before 1.16"),
        pytest.param(refusal(400, "BadRequest"), "refused with 400", id="webhook without dry run"),
        pytest.param(httpx.Response(400, text=f"quotes {RAW}"), "refused with 400", id="no Status"),
        pytest.param(httpx.Response(400, json=[]), "refused with 400", id="no Status either"),
        pytest.param(httpx.Response(302, headers={"Location": "/x"}), "at another path now", id="redirect"),
        pytest.param(refusal(422, "Invalid", ("FieldValueForbidden", "data")), "immutable", id="immutable"),
        pytest.param(
            refusal(422, "Invalid", ("FieldValueTooLong", "metadata.annotations")), "256 KiB", id="annotations"
        ),
        pytest.param(refusal(422, "Invalid", ("FieldValueTooLong", "data")), "1 MiB", id="data"),
        pytest.param(refusal(422, "Invalid", ("FieldValueInvalid", "type")), "finds type invalid", id="a field"),
        pytest.param(refusal(422, "Invalid"), "finds the Secret invalid", id="no causes"),
    ],
)
def test_a_refusal_is_told_without_the_servers_words(answer: httpx.Response, message: str) -> None:
    sink = open_sink(Script(NOTHING, answer))
    with pytest.raises(SinkDeniedError, match=message) as caught:
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert caught.value.advice
    assert "ak-" not in f"{caught.value!r} {caught.value.advice}"


def test_a_conflict_that_stays_is_told() -> None:
    conflict = refusal(409, "Conflict", ("FieldManagerConflict", ".metadata.labels.keyplan/owner"))
    sink = open_sink(Script(*[secret(), conflict] * 10))
    with pytest.raises(SinkDeniedError, match="another field manager") as caught:
        sink.intend(find_slot(sink), make_intent())
    assert "show-managed-fields" in caught.value.advice


def test_somebody_who_writes_all_the_time_makes_it_unavailable() -> None:
    sink = open_sink(Script(*[secret(), refusal(409, "Conflict")] * 10))
    with pytest.raises(SinkUnavailableError, match="at the same time"):
        sink.intend(find_slot(sink), make_intent())


def test_a_conflict_while_the_intent_is_closed_delivers_no_second_time() -> None:
    served, conflicts, kinds = Served(), [refusal(409, "Conflict")], list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        kinds.append(request.headers["Content-Type"])
        return conflicts.pop() if conflicts and kinds[-1] == MERGE else served(request)

    sink = open_sink(answer, Static(token=Credential("token-of-full"), certificate=None), namespace=served.namespace)
    slot = find_slot(sink)
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(RAW), make_receipt())
    assert kinds.count(APPLY) == len(["rehearsal", "intent", "delivery"])
    assert sink.inspect([slot])[slot] == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)


def test_a_webhook_that_drops_the_receipt_is_found_out() -> None:
    sink = open_sink(Script(NOTHING, secret()))
    with pytest.raises(SinkDeniedError, match="did not keep what was written") as caught:
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert "webhook" in caught.value.advice


def test_a_listing_that_outlives_its_snapshot_goes_on_one_by_one() -> None:
    first = json.loads(secret(name="n0").text)
    page = httpx.Response(200, json={"items": [first], "metadata": {"continue": "more"}})
    sink = open_sink(Script(page, refusal(410, "Expired"), *[NOTHING] * 4), name="{name}")
    slots = [find_slot(sink, f"n{number}") for number in range(5)]
    assert [holding.present for holding in sink.inspect(slots).values()] == [False] * 5


@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/managed-by": "keyplan"}])
def test_a_secret_that_goes_away_meanwhile_is_as_good_as_cleaned_up(labels: dict[str, str]) -> None:
    notes = {f"keyplan/receipt.{digest('ci')}": "{}", "keyplan/owner": OWNER}
    script = Script(secret(annotations=notes, labels=labels), NOTHING)
    sink = open_sink(script)
    sink.withdraw(find_slot(sink), OWNER)
    assert script.requests[-1].method == ("DELETE" if labels else "PATCH")


def test_a_server_that_nobody_vouches_for_is_refused_at_once() -> None:
    unknown = httpx.ConnectError("self-signed certificate")
    unknown.__cause__ = ssl.SSLCertVerificationError()
    sink = open_sink(Script(unknown))
    with pytest.raises(SinkDeniedError, match="the certificate is not accepted") as caught:
        sink.inspect([find_slot(sink)])
    assert "certificate-authority-data" in caught.value.advice


def test_without_managed_fields_nothing_is_known_of_values() -> None:
    sink = open_sink(Script(secret(annotations={"keyplan/owner": OWNER})), write_only=True)
    assert sink.inspect([find_slot(sink)]) == {find_slot(sink): Holding(present=False, content=Content.UNREAD)}
