"""The chart as helm lints, renders and packages it; needs a real helm."""

from __future__ import annotations

import copy
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.rendering import CASES, CHART, Document, Helm, HelmError, find, list_pods
from chart.restricted import find_violations

pytestmark = pytest.mark.chart

SMALLEST: dict[str, Any] = {
    "image": {"repository": "registry.example.com/keyplan"},
    "manifests": {"files": {"keys.yaml": "version: 1\n"}},
}
WATCH: dict[str, Any] = {**SMALLEST, "mode": "watch"}
SHARED: dict[str, Any] = {**WATCH, "ledger": {"type": "postgres", "postgres": {"existingSecret": "ledger"}}}
each_case = pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.removesuffix("-values.yaml"))


@each_case
def test_lint_finds_nothing(helm: Helm, case: Path) -> None:
    said = helm.run("lint", "--strict", "--values", case, CHART)
    # An icon is a picture on a web page of charts.
    assert re.findall(r"\[(?:ERROR|WARNING|INFO)\].*", said) == ["[INFO] Chart.yaml: icon is recommended"]


@each_case
def test_what_is_rendered_fits_kubernetes(helm: Helm, case: Path, judge: Callable[[list[Document]], list[str]]) -> None:
    documents = helm.render(case)
    assert len(documents) > 5
    assert judge(documents) == []


def test_the_schemas_notice_a_field_that_kubernetes_does_not_know(
    newest: Helm, judge: Callable[[list[Document]], list[str]]
) -> None:
    documents = newest.render(CASES[0])
    pods = [pod for _, pod in list_pods(documents)]
    pods[0]["containers"][0]["securityContext"]["readOnlyRootFileSystem"] = True
    assert judge(documents)


@each_case
def test_pods_are_restricted_and_secrets_are_only_named(helm: Helm, case: Path) -> None:
    documents = helm.render(case)
    pods = dict(list_pods(documents))
    assert pods
    assert {name: list(find_violations(pod)) for name, pod in pods.items()} == {name: [] for name in pods}
    kinds = {document["kind"] for document in documents}
    assert not kinds & {"Secret", "ClusterRole", "ClusterRoleBinding"}
    rules = [rule for document in documents for rule in document.get("rules", ())]
    assert all(rule["apiGroups"] == [""] and rule["resources"] == ["secrets"] for rule in rules)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda pod: pod.update(hostNetwork=True), "hostNetwork"),
        (lambda pod: pod["securityContext"].pop("seccompProfile"), "no seccomp profile"),
        (lambda pod: pod["securityContext"].update(runAsUser=0), "may run as root"),
        (lambda pod: pod["volumes"].append({"name": "x", "hostPath": {"path": "/"}}), "volume of kind hostPath"),
        (
            lambda pod: pod["containers"][0]["securityContext"].update(privileged=True),
            "privileged of a container",
        ),
        (
            lambda pod: pod["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False),
            "readOnlyRootFilesystem of a container",
        ),
        (lambda pod: pod["containers"][0]["resources"].pop("limits"), "no limit of memory"),
    ],
)
def test_a_planted_violation_is_found(newest: Helm, change: Callable[[Any], object], expected: str) -> None:
    _, pod = next(list_pods(newest.render(SMALLEST)))
    changed = copy.deepcopy(pod)
    change(changed)
    assert (list(find_violations(pod)), list(find_violations(changed))) == ([], [expected])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["image.repository: name your image", "manifests: give files or existingConfigMap"]),
        ({**SMALLEST, "manifests": {**SMALLEST["manifests"], "existingConfigMap": "x"}}, ["not both"]),
        ({**SMALLEST, "manifests": {"files": {"other.yaml": ""}}}, ["manifests.files: there is no keys.yaml"]),
        (WATCH, ["watch.replicas: a SQLite ledger is for one process"]),
        ({**WATCH, "ledger": {"type": "manifest"}}, ["watch.replicas: a SQLite ledger is for one process"]),
        (
            {
                **WATCH,
                "ledger": {"type": "manifest"},
                "manifests": {"files": {"keys.yaml": "ledger: {type: sqlite, path: x}"}},
            },
            ["watch.replicas: a SQLite ledger is for one process"],
        ),
        ({**WATCH, "ledger": {"type": "postgres"}}, ["ledger.postgres.existingSecret"]),
        ({**WATCH, "ledger": {"type": "s3"}}, ["ledger.s3.url"]),
        ({**SMALLEST, "reader": {"ledger": {"enabled": True}}}, ["reader.ledger.enabled"]),
        (
            {**SMALLEST, "kubernetesSink": {"targets": [{"names": ["a"]}, {"namespace": "keyplan"}]}},
            ["kubernetesSink.targets: keyplan is there twice"],
        ),
    ],
    ids=lambda value: ", ".join(value)[:60] if isinstance(value, list) else "",
)
def test_values_that_do_not_fit_together_are_refused(helm: Helm, given: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(HelmError) as caught:
        helm.render(given)
    assert [line for line in expected if line not in str(caught.value)] == []


def test_helm_itself_refuses_a_value_that_would_hold_a_secret(helm: Helm) -> None:
    with pytest.raises(HelmError, match="ARIZE_API_KEY"):
        helm.render({**SMALLEST, "env": {"ARIZE_API_KEY": "ak-1"}})
    with pytest.raises(HelmError, match="value"):
        helm.render({**SMALLEST, "writer": {"credential": {"value": "ak-1"}}})


@pytest.mark.parametrize(
    "given",
    [
        SHARED,
        {**WATCH, "watch": {"replicas": 1}},
        {**WATCH, "ledger": {"type": "s3", "s3": {"url": "s3://acme/prod"}}},
        {
            **WATCH,
            "ledger": {"type": "manifest"},
            "manifests": {"files": {"keys.yaml": "ledger: {type: postgres}"}},
        },
        # Which ledger it names is not known.
        {**WATCH, "ledger": {"type": "manifest"}, "manifests": {"existingConfigMap": "x"}},
    ],
    ids=["postgres", "one replica", "s3", "a manifest that names postgres", "a manifest that is not given"],
)
def test_a_service_on_a_fitting_ledger_is_rendered(helm: Helm, given: dict[str, Any]) -> None:
    deployment = find(helm.render(given), "Deployment", "keyplan-watch")
    alone = given.get("watch") == {"replicas": 1}
    assert deployment["spec"]["replicas"] == (1 if alone else 2)
    assert (deployment["spec"]["strategy"].get("type") == "Recreate") == alone


def test_only_runs_that_write_get_the_ledger_and_the_credential_that_writes(newest: Helm) -> None:
    secrets = {"writer": {"credential": {"existingSecret": "w"}}, "reader": {"credential": {"existingSecret": "r"}}}
    for mode in ("jobs", "watch"):
        pods = dict(list_pods(newest.render({**SHARED, **secrets, "mode": mode})))
        seen = {
            name: (
                [one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one],
                [one["name"] for one in pod["containers"][0].get("env", ())],
            )
            for name, pod in pods.items()
        }
        writers = {"keyplan-watch"} if mode == "watch" else {"keyplan-rotate"}
        assert seen == {
            "keyplan-drift": (["r"], []),
            "keyplan-validate": ([], []),
            **dict.fromkeys([*writers, "keyplan-apply"], (["w"], ["KEYPLAN_LEDGER"])),
        }


def test_names_and_texts_that_look_like_other_yaml_stay_texts(
    helm: Helm, judge: Callable[[list[Document]], list[str]]
) -> None:
    given = {
        **SMALLEST,
        "fullnameOverride": "123",
        "image": {"repository": "10", "tag": "30"},
        "writer": {"credential": {"existingSecret": "1e3"}, "serviceAccount": {"name": "0"}},
        "reader": {"credential": {"existingSecret": "null"}, "serviceAccount": {"name": "true"}},
        "env": {"NO": "off", "Y": "1"},
        "notify": {"existingSecret": "007", "key": "1"},
        "caBundle": {"existingConfigMap": "9"},
        "jobs": {"timeZone": "1"},
        "security": {"runAsUser": 1000680000},
        "ledger": {"sqlite": {"size": "100", "storageClassName": "1"}},
        "kubernetesSink": {"targets": [{"namespace": "12", "names": ["34"]}]},
        "prometheusRule": {"enabled": True},
    }
    documents = helm.render(given, release="55")
    assert judge(documents) == []
    pods = dict(list_pods(documents))
    assert pods["123-apply"]["containers"][0]["image"] == "10:30"
    assert pods["123-apply"]["securityContext"]["runAsUser"] == 1000680000
    assert {one["name"] for one in pods["123-apply"]["containers"][0]["env"]} == {"NO", "Y", "SSL_CERT_FILE"}


def test_alerts_are_rendered_with_their_own_templates_and_can_be_left_out(newest: Helm) -> None:
    given = {**SHARED, "prometheusRule": {"enabled": True, "omit": ["KeyplanOrphan"]}}
    groups = find(newest.render(given), "PrometheusRule", "keyplan")["spec"]["groups"]
    source = yaml.safe_load((CHART / "rules/keyplan.rules.yaml").read_text())["groups"]
    kept = [{**group, "rules": [r for r in group["rules"] if r["alert"] != "KeyplanOrphan"]} for group in source]
    assert groups[:-1] == kept
    assert groups[-1]["rules"][0]["annotations"]["summary"] == "the Job {{ $labels.job_name }} of keyplan failed"
    jobs = find(newest.render({**SMALLEST, "prometheusRule": {"enabled": True}}), "PrometheusRule", "keyplan")
    assert [group["name"] for group in jobs["spec"]["groups"]] == ["keyplan-jobs"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)")
@each_case
def test_prometheus_reads_the_alerts(newest: Helm, case: Path, folder: Path) -> None:
    rules = [one for one in newest.render(case) if one["kind"] == "PrometheusRule"]
    if not rules:
        pytest.skip("this case renders no alerts")
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules[0]["spec"]))
    subprocess.run(["promtool", "check", "rules", folder / "rules.yaml"], check=True, capture_output=True)


def test_the_notes_name_objects_that_are_rendered(newest: Helm) -> None:
    if not newest.run("version", "--short").startswith("v4"):
        pytest.skip("helm 3 asks a cluster before it shows notes")
    for given in (SMALLEST, SHARED, {**WATCH, "watch": {"replicas": 1}}):
        names = {one["metadata"]["name"] for one in newest.render(given)}
        options = ("--namespace", "keyplan", "--dry-run=client", "--values", newest.write(given))
        said = newest.run("install", "keyplan", CHART, *options)
        named = set(re.findall(r"(?:cronjob|deployment)/(\S+)", said.partition("NOTES:")[2]))
        assert named
        assert named <= names


def test_a_package_has_the_same_bytes_twice(newest: Helm, folder: Path) -> None:
    if not newest.run("version", "--short").startswith("v4"):
        pytest.skip("helm 3 writes the time of day into a package")
    digests = set()
    for name, umask in (("one", 0o022), ("two", 0o077)):
        copied = shutil.copytree(CHART, folder / name / "keyplan")
        for path in [copied, *copied.rglob("*")]:
            os.utime(path, (1_700_000_000, 1_700_000_000))
        before = os.umask(umask)
        try:
            newest.run("package", copied, "--destination", folder / name)
        finally:
            os.umask(before)
        (package,) = (folder / name).glob("keyplan-*.tgz")
        digests.add(hashlib.sha256(package.read_bytes()).hexdigest())
    assert len(digests) == 1
    with tarfile.open(package) as archive:
        members = set(archive.getnames())
    assert {"keyplan/values.schema.json", "keyplan/README.md", "keyplan/rules/keyplan.rules.yaml"} <= members
    assert not [name for name in members if "/ci/" in name]
