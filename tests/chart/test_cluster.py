"""The chart on a real API server: every object is accepted, and each ServiceAccount may do what it should and no more.

KEYPLAN_KUBE_APISERVER names the server's binary (docs/sinks/kubernetes.md says how to get one).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from chart.rendering import CASES, Document, Helm, find
from sinks.kubernetes.cluster import APPLY, Cluster
from sinks.kubernetes.real import serving

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import RunningSandbox, running

pytestmark = [pytest.mark.chart, pytest.mark.enable_socket]

BINARY = "KEYPLAN_KUBE_APISERVER"
KEYPLAN = str(Path(sys.executable).with_name("keyplan"))
FORMER = {"batch/v1": "batch/v1beta1", "policy/v1": "policy/v1beta1"}
"""Before 1.21 CronJobs and PodDisruptionBudgets were of these versions, and CronJobs had no time zone."""
# The operator's kinds are its own.
OPERATOR = {("monitoring.coreos.com/v1", "ServiceMonitor"), ("monitoring.coreos.com/v1", "PrometheusRule")}
# ReadWriteOncePod is known since 1.22.
AGED = {"ledger": {"sqlite": {"accessModes": ["ReadWriteOnce"]}}}
MANIFEST = """\
version: 1
owner: chart
id: c5d8k2qx
provider: {base_url: "URL", api: beta, credential: {file: "FOLDER/ARIZE_API_KEY"}}
sinks:
  cluster: {type: kubernetes, namespace: keyplan, name: arize-keys, entry: "{name}"}
defaults: {sink: cluster}
keys:
  - {name: ci, key_type: user}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a real API server with the namespaces of all cases."""
    binary = os.environ.get(BINARY)
    if not binary:
        pytest.skip(f"{BINARY} does not name the binary of a kube-apiserver")
    if missing := [name for name in ("etcd", "openssl") if not shutil.which(name)]:
        pytest.skip(f"not on the path: {', '.join(missing)}")
    with serving(binary, tmp_path_factory.mktemp("cluster")) as found:
        for name in ("keyplan", "ml", "serving"):
            assert found.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).is_success
        yield found


def apply(cluster: Cluster, documents: list[Document], **parameters: str) -> set[tuple[str, str]]:
    """Apply all documents as `kubectl apply --server-side` does; return what this server has no kind for."""
    unknown = set()
    aged = find_minor(cluster) < 21
    for document in map(age, documents) if aged else documents:
        # helm creates and deletes hooks, so they are only rehearsed.
        if "helm.sh/hook" in document["metadata"].get("annotations", {}) and "dryRun" not in parameters:
            continue
        found = find_path(cluster, document["apiVersion"], document["kind"])
        if found is None:
            unknown.add((document["apiVersion"], document["kind"]))
            continue
        metadata = document["metadata"]
        path = f"{found[0]}/namespaces/{metadata['namespace']}/{found[1]}/{metadata['name']}"
        options = {"fieldManager": "helm", "force": "true", **parameters}
        answer = cluster.ask("PATCH", path, document, content_type=APPLY, **options)
        assert answer.is_success, answer.text
    return unknown


def age(document: Document) -> Document:
    """Return a document as a server before 1.21 knows it."""
    version = FORMER.get(document["apiVersion"], document["apiVersion"])
    spec = {key: value for key, value in document.get("spec", {}).items() if key != "timeZone"}
    return {**document, "apiVersion": version, **({"spec": spec} if spec else {})}


@cache
def find_path(cluster: Cluster, version: str, kind: str) -> tuple[str, str] | None:
    """Return where the server has a kind, and its plural."""
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    answer = cluster.ask("GET", root)
    resources = answer.json()["resources"] if answer.is_success else ()
    return next(((root, one["name"]) for one in resources if one["kind"] == kind and "/" not in one["name"]), None)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_the_server_accepts_every_object(cluster: Cluster, newest: Helm, case: Path) -> None:
    documents = newest.render(case, AGED if find_minor(cluster) < 22 else {})
    rehearsed = apply(cluster, documents, dryRun="All")
    assert rehearsed <= OPERATOR
    assert apply(cluster, documents) == rehearsed
    before = [read(cluster, one) for one in documents]
    apply(cluster, documents)
    assert [read(cluster, one) for one in documents] == before, "a second time changes something"


@cache
def find_minor(cluster: Cluster) -> int:
    """Return 20 for Kubernetes 1.20; some builds write it 20+."""
    return int(cluster.ask("GET", "/version").json()["minor"].rstrip("+"))


def read(cluster: Cluster, document: Document) -> dict[str, Any]:
    """Return what the server has of a document, without the counts and records of writes; nothing for unknown kinds."""
    document = age(document) if find_minor(cluster) < 21 else document
    found = find_path(cluster, document["apiVersion"], document["kind"])
    if found is None:
        return {}
    metadata = document["metadata"]
    path = f"{found[0]}/namespaces/{metadata['namespace']}/{found[1]}/{metadata['name']}"
    answer: dict[str, Any] = cluster.ask("GET", path).json()
    for field in ("managedFields", "resourceVersion", "generation"):
        answer["metadata"].pop(field, None)
    return answer


def may(
    cluster: Cluster, account: str, verb: str, name: str = "", *, namespace: str = "keyplan", kind: str = ""
) -> bool:
    """Whether the server lets a ServiceAccount of the release do something."""
    attributes = {"namespace": namespace, "verb": verb, "resource": kind or "secrets", "name": name}
    spec = {"user": f"system:serviceaccount:keyplan:{account}", "resourceAttributes": attributes}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    answer = cluster.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    assert answer.is_success, answer.text
    return bool(answer.json()["status"]["allowed"])


def test_each_account_may_do_what_it_should_and_no_more(cluster: Cluster, newest: Helm) -> None:
    given: dict[str, Any] = {
        "image": {"repository": "registry.example.com/keyplan"},
        "manifests": {"existingConfigMap": "manifest"},
        "fullnameOverride": "rights",
        "kubernetesSink": {"targets": [{"names": ["arize-keys"]}, {"namespace": "ml", "delete": True}]},
    }
    apply(cluster, newest.render(AGED, given))
    verbs = ("get", "list", "create", "patch", "update", "delete", "deletecollection", "watch")

    def allowed(account: str, name: str, **where: str) -> list[str]:
        return [verb for verb in verbs if may(cluster, account, verb, name, **where)]

    assert allowed("rights-apply", "arize-keys") == ["get", "create", "patch"]
    assert allowed("rights-drift", "arize-keys") == ["get"]
    assert allowed("rights-apply", "other") == allowed("rights-drift", "other") == []
    assert allowed("rights-apply", "any", namespace="ml") == ["get", "list", "create", "patch", "delete"]
    assert allowed("rights-drift", "any", namespace="ml") == ["get", "list"]
    assert allowed("rights-apply", "arize-keys", namespace="serving") == []
    for kind in ("configmaps", "pods", "serviceaccounts", "roles"):
        assert allowed("rights-apply", "", kind=kind) == allowed("rights-drift", "", kind=kind) == []


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """Return a provider of keys."""
    with running(SandboxOptions(api="beta")) as found:
        yield found


def test_the_jobs_deliver_as_the_accounts_of_the_chart(
    cluster: Cluster, newest: Helm, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    text = MANIFEST.replace("URL", sandbox.url).replace("FOLDER", str(tmp_path))
    given: dict[str, Any] = {
        "image": {"repository": "registry.example.com/keyplan"},
        "manifests": {"files": {"keys.yaml": text}},
        "kubernetesSink": {"targets": [{"names": ["arize-keys"]}]},
    }
    documents = newest.render(AGED, given)
    apply(cluster, documents)
    (tmp_path / "keys.yaml").write_text(find(documents, "ConfigMap", "keyplan-manifest")["data"]["keys.yaml"])
    (tmp_path / "ARIZE_API_KEY").write_text(sandbox.credential)
    (tmp_path / "ARIZE_API_KEY").chmod(0o400)
    (tmp_path / "ledger").mkdir()

    def run(job: str, *, account: str = "") -> int:
        spec = find(documents, "CronJob", f"keyplan-{job}")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        token = make_token(cluster, account or spec["serviceAccountName"])
        (tmp_path / "kubeconfig").write_text(write_kubeconfig(cluster, token))
        places = {"/etc/keyplan": str(tmp_path), "/ledger/": f"{tmp_path}/ledger/"}
        arguments = [replace_all(one, places) for one in spec["containers"][0]["args"]]
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "KUBECONFIG": str(tmp_path / "kubeconfig")}
        command = [KEYPLAN, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False).returncode

    assert run("drift") == 0, "a key that is declared and not created yet is pending, and no drift"
    assert run("apply", account="keyplan-drift") == 6, "what only reads cannot write the Secret"
    assert cluster.value("keyplan", "arize-keys", "ci") is None
    assert run("apply") == 0
    raw = cluster.value("keyplan", "arize-keys", "ci")
    assert raw is not None
    assert raw.startswith("ak-")
    assert (run("rotate"), run("drift")) == (0, 0)
    cluster.delete("keyplan", "arize-keys")
    assert run("drift") == 2


def make_token(cluster: Cluster, account: str) -> str:
    """Return a token of a ServiceAccount, as a pod gets it."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = cluster.ask("POST", f"/api/v1/namespaces/keyplan/serviceaccounts/{account}/token", body)
    assert answer.is_success, answer.text
    return str(answer.json()["status"]["token"])


def write_kubeconfig(cluster: Cluster, token: str) -> str:
    """Return a kubeconfig with a token."""
    authority = base64.b64encode(cluster.authority.encode()).decode()
    return json.dumps(
        {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "keyplan"}}],
            "clusters": [{"name": "c", "cluster": {"server": cluster.url, "certificate-authority-data": authority}}],
            "users": [{"name": "u", "user": {"token": token}}],
        }
    )


def replace_all(text: str, places: Mapping[str, str]) -> str:
    """Return an argument with a folder in place of what a pod mounts."""
    for mounted, folder in places.items():
        text = text.replace(mounted, folder)
    return text
