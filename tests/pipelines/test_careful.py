"""What the linters do not see: every pipeline is pinned, modest in its rights, bounded in time, and says the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipelines.steps import ROOT
from pipelines.world import WORKFLOWS
from release.pins import read_switch

EXAMPLES = ROOT / "examples"
KUBERNETES = EXAMPLES / "kubernetes"
PINNED = re.compile(r"uses: ([\w./-]+)@([0-9a-f]{40})  # (?:v\d+\.\d+\.\d+|a commit of your copy)$")
SWITCH = read_switch(ROOT)
OURS = (SWITCH.repository, SWITCH.values["commit"])
"""Before a release no commit of it can be known: the one thing to fill in."""


def workflows() -> list[Path]:
    """Return every workflow of the example."""
    return sorted(WORKFLOWS.glob("*.yml"))


def read(path: Path) -> Any:
    """Return a workflow; every scalar is a text."""
    return yaml.load(path.read_text(), yaml.BaseLoader)  # noqa: S506 - makes nothing but texts, lists and mappings


def objects(name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a Kubernetes file."""
    yield from yaml.safe_load_all((KUBERNETES / name).read_text())


@pytest.mark.parametrize("path", workflows(), ids=lambda path: path.stem)
def test_every_action_is_pinned_to_one_commit_of_its_own(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if re.search(r"\buses: ", line.replace("statuses", ""))]
    pins = [found.groups() for line in lines if (found := PINNED.search(line))]
    assert len(pins) == len(lines)
    assert all((name == OURS[0]) == (sha == OURS[1]) for name, sha in pins)


def test_one_action_has_one_pin_in_all_workflows() -> None:
    pins = {
        found.groups() for path in workflows() for found in map(PINNED.search, path.read_text().splitlines()) if found
    }
    assert len(pins) == len({name for name, _ in pins})


@pytest.mark.parametrize("path", workflows(), ids=lambda path: path.stem)
def test_every_job_has_rights_of_its_own_and_an_end(path: Path) -> None:
    document = read(path)
    assert document["permissions"] == {}
    for job in document["jobs"].values():
        assert job["permissions"]["contents"] == "read"
        assert 0 < int(job["timeout-minutes"]) <= 30


@pytest.mark.parametrize("path", workflows(), ids=lambda path: path.stem)
def test_nothing_runs_a_stranger_s_code_with_our_secrets(path: Path) -> None:
    document = read(path)
    assert "pull_request_target" not in document["on"]
    for job in document["jobs"].values():
        uses_secrets = any("secrets." in str(step) for step in job["steps"])
        assert not uses_secrets or "environment" in job
        assert not uses_secrets or job["if"]


@pytest.mark.parametrize("path", workflows(), ids=lambda path: path.stem)
def test_what_applies_is_never_cancelled_and_never_beside_another(path: Path) -> None:
    document = read(path)
    applies = any(
        step.get("with", {}).get("command") == "apply" for job in document["jobs"].values() for step in job["steps"]
    )
    wanted = {"group": "keyplan", "cancel-in-progress": "false"}
    assert (document["concurrency"] == wanted) is applies


def test_scripts_get_what_comes_from_outside_through_the_environment_alone() -> None:
    for step in read(ROOT / "action.yml")["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert all(name.startswith("ACTION_") or name == "GH_TOKEN" for name in step["env"])
        assert (ROOT / "action" / step["run"].rpartition("/")[2].rstrip('"')).stat().st_mode & 0o111


def test_every_input_and_output_of_the_action_is_told_in_the_page() -> None:
    action = read(ROOT / "action.yml")
    page = (ROOT / "docs/gitops.md").read_text()
    assert [name for name in (*action["inputs"], *action["outputs"]) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", ["apply", "drift", "rotate"])
def test_a_cron_job_asks_for_nothing_and_ends(name: str) -> None:
    [job] = objects(f"{name}.yaml")
    spec, pod = job["spec"], job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert (spec["concurrencyPolicy"], pod["restartPolicy"]) == ("Forbid", "Never")
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert pod["terminationGracePeriodSeconds"] < spec["jobTemplate"]["spec"]["activeDeadlineSeconds"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_service_is_as_careful_as_the_cron_jobs() -> None:
    deployment, budget, policy = objects("watch/watch.yaml")
    spec = deployment["spec"]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    [job] = objects("apply.yaml")
    careful = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert container["securityContext"] == careful["containers"][0]["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["serviceAccountName"] == careful["serviceAccountName"]
    assert (spec["replicas"], budget["spec"]["maxUnavailable"]) == (2, 1)
    labels = spec["template"]["metadata"]["labels"]
    for one in (spec["selector"], budget["spec"]["selector"], policy["spec"]["podSelector"]):
        assert one["matchLabels"].items() <= labels.items()
    assert pod["terminationGracePeriodSeconds"] >= careful["terminationGracePeriodSeconds"]


def test_the_service_is_probed_where_it_listens() -> None:
    deployment, _, policy = objects("watch/watch.yaml")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    [port] = container["ports"]
    assert f"--listen=0.0.0.0:{port['containerPort']}" in container["args"]
    probed = {container[name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")}
    assert probed == {"/healthz", "/readyz"}
    assert {container[name]["httpGet"]["port"] for name in ("livenessProbe", "readinessProbe")} == {port["name"]}
    assert policy["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": port["name"]}]
    assert container["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "keyplan-ledger", "key": "url"}


def test_the_service_takes_the_place_of_what_applies_from_another_ledger() -> None:
    [component] = objects("watch/kustomization.yaml")
    gone = [yaml.safe_load(one["patch"]) for one in component["patches"]]
    assert {(one["kind"], one["metadata"]["name"], one["$patch"]) for one in gone} == {
        ("CronJob", "keyplan-rotate", "delete"),
        ("CronJob", "keyplan-apply", "delete"),
        ("PersistentVolumeClaim", "keyplan-ledger", "delete"),
    }


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_builds_it_with_and_without_the_service(tmp_path: Path) -> None:
    copy = shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    whole = copy / "kustomization.yaml"

    def build() -> set[tuple[str, str]]:
        done = subprocess.run(["kubectl", "kustomize", copy], capture_output=True, check=True, timeout=60)
        found = yaml.safe_load_all(done.stdout)
        return {(one["kind"], one["metadata"]["name"]) for one in found}

    assert ("CronJob", "keyplan-rotate") in build()
    whole.write_text(whole.read_text().replace("# components: [watch]", "components: [watch]"))
    made = build()
    assert {("Deployment", "keyplan-watch"), ("CronJob", "keyplan-drift")} <= made
    assert not {("CronJob", "keyplan-rotate"), ("CronJob", "keyplan-apply")} & made


def test_what_runs_by_itself_applies_only_what_is_due() -> None:
    [apply], [rotate] = objects("apply.yaml"), objects("rotate.yaml")
    assert (apply["spec"]["suspend"], rotate["spec"].get("suspend", False)) == (True, False)
    [container] = rotate["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert "--only=due" in container["args"]


def test_the_pods_may_touch_one_secret_which_is_the_one_that_the_manifest_names() -> None:
    rules = {one["metadata"]["name"]: one["rules"] for one in objects("rights.yaml") if one["kind"] == "Role"}
    sink = yaml.safe_load((KUBERNETES / "keys.yaml").read_text())["sinks"]["cluster"]
    same = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [sink["name"]]}
    assert rules["keyplan-apply"] == [{**same, "verbs": ["get", "create", "patch"]}]
    assert rules["keyplan-drift"] == [{**same, "verbs": ["get"]}]


def test_every_kubernetes_file_belongs_to_the_whole_and_stands_in_its_namespace() -> None:
    [whole] = objects("kustomization.yaml")
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(whole["resources"]) | set(whole["configMapGenerator"][0]["files"]) == files
    [component] = objects("watch/kustomization.yaml")
    named = [*whole["resources"], *(f"watch/{name}" for name in component["resources"])]
    found = [one for name in named for one in objects(name) if one["kind"] != "Namespace"]
    assert {one["metadata"]["namespace"] for one in found} == {whole["namespace"]}


def test_the_hook_takes_the_files_that_keyplan_finds_by_itself() -> None:
    hook, _ = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    takes = re.compile(hook["files"])
    assert all(takes.search(name) for name in ("keys.yaml", "envs/prod/keys.yaml", "a/keyplan.yaml"))
    assert not any(takes.search(name) for name in ("monkeys.yaml", "keys.yaml.bak", "policy.yaml"))
    [repository] = yaml.safe_load((EXAMPLES / "pre-commit/.pre-commit-config.yaml").read_text())["repos"]
    assert repository["hooks"][0]["id"] == hook["id"]
