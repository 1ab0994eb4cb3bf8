"""What `docs/kubernetes.md` has the reader write and type, as far as it can be tried without nodes."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.rendering import CHART, ROOT, Document, Helm, HelmError, list_pods

PAGE = (ROOT / "docs/kubernetes.md").read_text()
FILES = dict(re.findall(r'^```yaml title="(.+?)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))
SHELL = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
COMMANDS = [shlex.split(line) for line in SHELL.splitlines() if line]
INSTALLS = [one for one in COMMANDS if one[:2] in (["helm", "install"], ["helm", "upgrade"])]
OTHERS = [one for one in COMMANDS if one[0] == "helm" and one not in INSTALLS]


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """Return a folder with the files of the page, and the chart."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    shutil.copytree(CHART, tmp_path / "charts/keyplan")
    return tmp_path


@pytest.fixture
def rendered(newest: Helm, beside: Path) -> list[Document]:
    """Return what the page installs."""
    return render(newest, INSTALLS[0], beside)


def render(helm: Helm, command: list[str], folder: Path) -> list[Document]:
    """Return what helm makes of an install or upgrade, without a cluster."""
    options = command[2:]
    for name in ("--wait", "--timeout", "5m"):
        options = [one for one in options if one != name]
    text = helm.run("template", *options, folder=folder)
    return [document for document in yaml.safe_load_all(text) if document]


def test_the_page_types_commands_of_each_program() -> None:
    assert {one[0] for one in COMMANDS} == {"docker", "kubectl", "keyplan", "helm"}
    assert (len(INSTALLS), len(OTHERS), len(FILES)) == (2, 4, 2)


def test_keyplan_reads_the_manifest(beside: Path) -> None:
    (command,) = [one for one in COMMANDS if one[0] == "keyplan"]
    program = Path(sys.executable).with_name("keyplan")
    done = subprocess.run([program, *command[1:]], cwd=beside, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.chart
def test_install_and_upgrade_render_the_manifest_as_it_is(newest: Helm, beside: Path) -> None:
    for command in INSTALLS:
        (found,) = [one for one in render(newest, command, beside) if one["kind"] == "ConfigMap"]
        assert found["data"] == {"keys.yaml": FILES["keys.yaml"]}


@pytest.mark.chart
def test_helm_knows_every_option_of_its_commands(newest: Helm, beside: Path) -> None:
    for command in [*INSTALLS, *OTHERS]:
        # It gets as far as asking the cluster.
        with pytest.raises(HelmError, match="cluster unreachable"):
            newest.run(*command[1:], folder=beside)


@pytest.mark.chart
def test_objects_of_commands_are_rendered_and_secrets_are_mounted(rendered: list[Document]) -> None:
    kubectl = [one for one in COMMANDS if one[0] == "kubectl"]
    names = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in rendered}
    named = set(re.findall(r"(?:cronjob|deployment|service)/[\w-]+", SHELL))
    assert named
    assert named <= names
    made = {one[one.index("generic") + 1]: one[-1].split("=")[1] for one in kubectl if "generic" in one}
    pods = dict(list_pods(rendered))
    assert made.keys() == {name for pod in pods.values() for name in list_secrets(pod)}
    credential = yaml.safe_load(FILES["keys.yaml"])["provider"]["credential"]["file"]
    assert credential == f"/var/run/keyplan/{made['keyplan-credential']}"
    key = pods["keyplan-watch"]["containers"][0]["env"][0]["valueFrom"]["secretKeyRef"]["key"]
    assert key == made["keyplan-ledger"]
    started = {one[-1] for one in kubectl if "job" in one}
    assert {name.removeprefix("job/") for one in kubectl for name in one if name.startswith("job/")} == started


def list_secrets(pod: dict[str, Any]) -> list[str]:
    """Return the names of the Secrets that a pod mounts or has variables from."""
    mounted = [one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one]
    variables = pod["containers"][0].get("env", ())
    return mounted + [one["valueFrom"]["secretKeyRef"]["name"] for one in variables if "valueFrom" in one]


@pytest.mark.chart
def test_the_page_has_every_alert_that_is_installed(rendered: list[Document]) -> None:
    (rules,) = [one for one in rendered if one["kind"] == "PrometheusRule"]
    installed = {rule["alert"] for group in rules["spec"]["groups"] for rule in group["rules"]}
    described = set(re.findall(r"`(Keyplan\w+)`", PAGE))
    # These need no page: what to do is in them.
    assert described <= installed
    assert installed - described == {
        "KeyplanIntentOpen",
        "KeyplanKeyLeaked",
        "KeyplanNeverSucceeded",
        "KeyplanOldKeyNotRetired",
    }
