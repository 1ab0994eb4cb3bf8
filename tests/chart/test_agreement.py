"""The chart renders what `examples/kubernetes` has as plain manifests, for those who use no helm."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from chart.rendering import CHART, ROOT, Document, Helm, find

pytestmark = pytest.mark.chart

EXAMPLES = ROOT / "examples/kubernetes"
INSTANCE = "app.kubernetes.io/instance"
JOBS = ("apply", "rotate", "drift")


def read_examples(*names: str) -> list[Document]:
    """Return the documents of some files, with the image that their kustomization names."""
    kustomization = yaml.safe_load((EXAMPLES / "kustomization.yaml").read_text())
    (image,) = kustomization["images"]
    documents = [one for name in names for one in yaml.safe_load_all((EXAMPLES / name).read_text())]
    named = f"image: {image['newName']}:{image['newTag']}\n"
    return list(yaml.safe_load_all(yaml.safe_dump_all(documents).replace(f"image: {image['name']}\n", named)))


def without_instance(node: Any) -> Any:
    """Return a document without the label that tells releases apart, of which the examples have one."""
    if isinstance(node, dict):
        return {key: without_instance(value) for key, value in node.items() if key != INSTANCE}
    return [without_instance(one) for one in node] if isinstance(node, list) else node


@pytest.fixture(scope="module")
def jobs(helm: Helm) -> list[Document]:
    """Return the chart's documents in the mode `jobs`."""
    return [without_instance(one) for one in helm.render(CHART / "ci/jobs-values.yaml")]


@pytest.fixture(scope="module")
def watch(helm: Helm) -> list[Document]:
    """Return the chart's documents in the mode `watch`."""
    return [without_instance(one) for one in helm.render(CHART / "ci/watch-values.yaml")]


@pytest.mark.parametrize("job", JOBS)
def test_cron_jobs_are_those_of_the_examples(jobs: list[Document], job: str) -> None:
    (example,) = read_examples(f"{job}.yaml")
    expected = copy.deepcopy(example["spec"])
    expected.setdefault("suspend", False)
    rendered = find(jobs, "CronJob", example["metadata"]["name"])["spec"]
    args = [one["jobTemplate"]["spec"]["template"]["spec"]["containers"][0].pop("args") for one in (rendered, expected)]
    assert rendered == expected
    # Options have no order; the manifest comes last.
    assert (sorted(args[0]), args[0][0], args[0][-1]) == (sorted(args[1]), args[1][0], args[1][-1])


@pytest.mark.parametrize("name", ["rights.yaml", "network.yaml", "ledger.yaml"])
def test_what_surrounds_them_is_that_of_the_examples(jobs: list[Document], name: str) -> None:
    examples = read_examples(name)
    for example in examples:
        rendered = find(jobs, example["kind"], example["metadata"]["name"])
        for document in (example, rendered):
            for field in ("labels", "annotations"):
                document["metadata"].pop(field, None)
        assert rendered == example
    assert examples


def test_the_service_is_that_of_the_examples(watch: list[Document]) -> None:
    for example in read_examples("watch/watch.yaml"):
        rendered = find(watch, example["kind"], example["metadata"]["name"])
        assert rendered["spec"] == example["spec"]


def test_beside_the_service_there_are_the_jobs_that_the_component_leaves(watch: list[Document]) -> None:
    component = yaml.safe_load((EXAMPLES / "watch/kustomization.yaml").read_text())
    deleted = {yaml.safe_load(one["patch"])["metadata"]["name"] for one in component["patches"]}
    left = {f"keyplan-{job}" for job in JOBS} - deleted
    assert {one["metadata"]["name"] for one in watch if one["kind"] == "CronJob"} == left == {"keyplan-drift"}
    assert not [one for one in watch if one["kind"] == "PersistentVolumeClaim"]


def test_the_examples_name_the_chart() -> None:
    assert "../../charts/keyplan" in (EXAMPLES / "README.md").read_text()
