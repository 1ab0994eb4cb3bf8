"""Metrics as text: what Prometheus's own parser reads in it, and what we read back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from keyplan.renderers.machine.metrics import FAMILIES, Sample, read_metrics, render_metrics

ATTACK = 'user/"ci"\\\n\x1b[2J\u202e},evil="1\ud800'


def make_sample(name: str = "keyplan_orphans", value: float = 1, **labels: str) -> Sample:
    return Sample(name=name, labels=tuple(labels.items()), value=value)


def parse(text: str) -> list[tuple[str, dict[str, str], float]]:
    """Return what Prometheus's parser finds."""
    families = text_string_to_metric_families(text)
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


def test_samples_stand_below_help_and_type_of_their_family() -> None:
    assert render_metrics([make_sample(owner="b", value=2), make_sample(owner="a", value=0.5)]) == (
        "# Written by keyplan; the next run replaces this file.\n"
        "# HELP keyplan_orphans Live keys of keyplan whose raw key was lost.\n"
        "# TYPE keyplan_orphans gauge\n"
        'keyplan_orphans{owner="a"} 0.5\n'
        'keyplan_orphans{owner="b"} 2\n'
    )


def test_order_of_samples_does_not_matter() -> None:
    samples = [make_sample(name, owner=owner) for name in FAMILIES for owner in "ab"]
    assert render_metrics(samples) == render_metrics(samples[::-1])


def test_no_sample_has_a_timestamp() -> None:
    sample = make_sample("keyplan_run_last_timestamp_seconds", 1795419060.25)
    (family,) = text_string_to_metric_families(render_metrics([sample]))
    assert (family.type, family.samples[0].value, family.samples[0].timestamp) == ("gauge", 1795419060.25, None)


def test_an_attack_in_a_label_stays_in_it_and_is_visible() -> None:
    text = render_metrics([make_sample(address=ATTACK)])
    assert text.encode("utf-8")
    assert parse(text) == [
        ("keyplan_orphans", {"address": 'user/"ci"\\\\n\\x1b[2J\\u202e},evil="1\\ud800'}, 1.0),
    ]


def test_of_two_samples_with_the_same_labels_the_last_counts() -> None:
    # Prometheus refuses a whole file in which one stands twice.
    samples = [make_sample(address="\x1b", value=1), make_sample(address="\\x1b", value=2)]
    assert parse(render_metrics(samples)) == [("keyplan_orphans", {"address": "\\x1b"}, 2.0)]


_samples = st.builds(
    Sample,
    name=st.sampled_from(list(FAMILIES)),
    labels=st.lists(
        st.tuples(st.sampled_from(["address", "owner"]), st.text()), max_size=2, unique_by=lambda pair: pair[0]
    )
    .map(sorted)
    .map(tuple),
    value=st.floats(min_value=-1e12, max_value=1e12, allow_nan=False) | st.integers(0, 2**40),
)


@given(st.lists(_samples, max_size=5))
def test_what_is_written_is_read_back(samples: list[Sample]) -> None:
    text = render_metrics(samples)
    assert render_metrics(read_metrics(text)) == text


@given(st.lists(_samples, max_size=5))
def test_prometheus_reads_the_same_as_we(samples: list[Sample]) -> None:
    text = render_metrics(samples)
    assert parse(text) == [(sample.name, dict(sample.labels), sample.value) for sample in read_metrics(text)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="an empty file"),
        pytest.param('keyplan_orphans{owner="a"} 1\n', id="somebody else's file with our names"),
        pytest.param(
            "# Written by keyplan; the next run replaces this file.\nnode_load1 0.5\ngarbage {\n",
            id="no sample of ours",
        ),
    ],
)
def test_nothing_is_read_from_what_is_not_ours(text: str) -> None:
    assert list(read_metrics(text)) == []


def test_a_label_is_found_by_its_name() -> None:
    sample = make_sample(owner="a")
    assert (sample.label("owner"), sample.label("address")) == ("a", None)


def test_the_page_explains_every_metric() -> None:
    page = (Path(__file__).parents[3] / "docs/metrics.md").read_text()
    assert [name for name in FAMILIES if f"| `{name}` |" not in page] == []
