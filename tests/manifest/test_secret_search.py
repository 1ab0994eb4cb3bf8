"""A manifest never holds a secret, and no message ever quotes one."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.model import secret_shapes
from keyplan.model.secret_shapes import find_secrets, looks_secret

Find = Callable[[str], tuple[str, ...]]

RAW = "ak-0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdef"
PHOENIX_RAW = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJBcGlLZXk6OSJ9." + "aB3_-xY" * 6 + "z"
SAID = "this looks like a secret, and a manifest never holds one; take it out, and revoke it"


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(RAW, id="raw key of the documented example's shape"),
        pytest.param("ak-" + "a" * 20, id="shortest raw key"),
        pytest.param("ak-0f3c7a52-1bf9-4862-9443-8aae87a7a3bc-Xy", id="raw key that begins with a UUID"),
        pytest.param("ak-aB3_aB3-aB3_aB3-aB3_aB3", id="raw key of base64url signs"),
        pytest.param(f"Bearer {RAW}", id="raw key in a header"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln", id="JSON Web Token"),
        pytest.param(PHOENIX_RAW, id="raw key of Phoenix"),
        pytest.param("hvs.CAESIJ1234567890abcdefgh", id="Vault token"),
        pytest.param("ghp_" + "aB3" * 12, id="GitHub token"),
        pytest.param("github_pat_" + "aB3" * 12, id="fine-grained GitHub token"),
        pytest.param("glpat-" + "aB3_" * 6, id="GitLab token"),
        pytest.param("AKIA" + "ABCD" * 4, id="AWS access key id"),
        pytest.param("AIza" + "aB3-_" * 7, id="Google API key"),
        pytest.param("xoxb-1234567890-abcdef", id="Slack token"),
        pytest.param("sk-" + "aB3d" * 6, id="OpenAI key"),
        pytest.param("sk-or-v1-" + "0f3c7a52" * 8, id="OpenRouter key"),
        pytest.param("sk-proj-" + "aB3-_" * 24, id="OpenAI key of a project"),
        pytest.param("sk-svcacct-" + "aB3d" * 24, id="OpenAI key of a service account"),
        pytest.param("sk-admin-" + "aB3d" * 24, id="OpenAI admin key"),
        pytest.param("pk-lf-1:sk-lf-0f3c7a52-1bf9-4862-9443-8aae87a7a3bc", id="Langfuse key"),
        pytest.param("sk-aB3daB3daB3daB3daB3daB", id="LiteLLM key"),
        pytest.param("sk_live_" + "aB3d" * 6, id="Stripe key"),
        pytest.param("dp.st." + "aB3d" * 10, id="Doppler token"),
        pytest.param("ZENKEY_eyJpZCI6" + "aB3/" * 37 + "aB==", id="ZenML key"),
        pytest.param("ZENPROKEY_eyJpZCI6" + "aB3+" * 38, id="ZenML Pro key"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----", id="PEM"),
        pytest.param("AGE-SECRET-KEY-1" + "QPZR" * 14, id="age identity"),
        pytest.param("https://bot:hunter2@example.com/kv", id="password in a URL"),
    ],
)
def test_a_secret_is_recognised(secret: str) -> None:
    assert looks_secret(secret)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("ak-eu-west-1-production-ingest", id="name of words"),
        pytest.param("ak-abc...xyz", id="redacted key"),
        pytest.param("break-" + "aB3" * 10, id="ak in the middle of a word"),
        pytest.param("U3BhY2U6MjAwMTphQmNEYUJjRGFCY0RhQmNE", id="id of a space"),
        pytest.param("task-sk-notes", id="sk in a name"),
        pytest.param("sk-proj-ingest-of-production-eu-west-1-blue", id="name of words after sk-proj"),
        pytest.param("sk-or-v1-0e6...1c96", id="redacted key of OpenRouter"),
        pytest.param("pk-lf-0f3c7a52-1bf9-4862-9443-8aae87a7a3bc", id="public key of Langfuse, a user name"),
        pytest.param("https://api.eu-west-1a.arize.com:443/v2", id="URL with a port"),
        pytest.param("https://example.com/a:b@c", id="colon and at sign in a path"),
        pytest.param("service/production/ingest", id="address"),
        pytest.param("secrets/{name}.env#ARIZE_API_KEY", id="template"),
        pytest.param("sha256:" + "0f" * 32, id="digest"),
        pytest.param("ak-1", id="short"),
    ],
)
def test_ordinary_text_is_no_secret(text: str) -> None:
    assert not looks_secret(text)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        pytest.param(f"owner: {RAW}", "2:8", id="plain text"),
        pytest.param(f'owner: "{RAW}"', "2:8", id="quoted"),
        pytest.param(f'owner: "ak-\\x30{RAW[4:]}"', "2:8", id="hidden behind an escape"),
        pytest.param(f'owner: "ak-0123456789abcdef\\\n  {RAW[19:]}"', "2:8", id="broken over two lines"),
        pytest.param(f"{RAW}: x", "2:1", id="name of a field"),
        pytest.param(f"owner: ml  # was {RAW}", "2:18", id="comment"),
        pytest.param(f"owner: [x, {{y: {RAW}}}]", "2:16", id="nested"),
        pytest.param(f"owner: |\n  {RAW}", "2:8", id="block"),
        pytest.param(f"marker: {RAW}", "2:9", id="where no text belongs"),
        pytest.param(f"limits: {RAW}", "2:9", id="where a mapping belongs"),
        pytest.param(f"provider: {{credential: {RAW}}}", "2:24", id="credential"),
        pytest.param(f"provider: {{type: {RAW}}}", "2:18", id="type of a plugin"),
        pytest.param(f"unmanaged: {RAW}", "2:12", id="choice"),
        pytest.param(f"owner: !{RAW} x", "2:9", id="tag"),
    ],
)
def test_a_secret_is_refused_where_it_stands_and_never_quoted(line: str, place: str, find_problems: Find) -> None:
    problems = find_problems(f"version: 1\n{line}\n")
    assert f"{place}: {SAID}" in problems
    assert RAW[10:] not in "".join(problems)


def test_a_raw_key_of_phoenix_is_refused_and_never_quoted(find_problems: Find) -> None:
    problems = find_problems(f"version: 1\nowner: {PHOENIX_RAW}\n")
    assert f"2:8: {SAID}" in problems
    assert PHOENIX_RAW[60:] not in "".join(problems)


def test_a_secret_is_the_only_problem_of_its_value(find_problems: Find) -> None:
    text = f"version: 1\nowner: ml\nkeys: []\nunmanaged: '{RAW}'  # {RAW}\n"
    assert find_problems(text) == (f"4:12: {SAID}",)


def test_a_secret_that_two_aliases_share_is_told_once(find_problems: Find) -> None:
    text = f"version: 1\nowner: ml\nkeys: []\nsinks: {{a: &a {{type: file, path: {RAW}}}, b: *a}}\n"
    assert [problem for problem in find_problems(text) if SAID in problem] == [f"4:34: {SAID}"]


@pytest.mark.parametrize(
    "fragment",
    [
        "provider: {credential: hunter2}",
        "provider: {credential: {env: hunter2 }}".replace("hunter2 ", "'hunter2 x'"),
        "provider: {credential: {file: 7, env: hunter2}}",
        "sinks: {v: {type: vault, token: hunter2}}",
    ],
    ids=["credential", "name of a variable", "two sources", "option of a sink"],
)
def test_what_may_be_a_literal_credential_is_never_quoted(fragment: str, find_problems: Find) -> None:
    problems = find_problems(f"version: 1\nowner: ml\nkeys: []\n{fragment}\n")
    assert problems
    assert "hunter2" not in "".join(problems)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=20, max_size=80))
def test_every_alphanumeric_raw_key_is_refused(find_problems: Find, body: str) -> None:
    problems = find_problems(f"version: 1\nowner: ml\nkeys: []\nunmanaged: ak-{body}\n")
    assert problems == (f"4:12: {SAID}",)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * 200_000 + " ://", id="a scheme without an end"),
        pytest.param("-ak-aA" * 30_000, id="raw keys without a digit"),
        pytest.param("-eyJ" * 50_000, id="tokens without a point"),
        pytest.param("a+://x:" * 30_000, id="URLs without a host"),
    ],
)
def test_no_line_takes_long_to_search(text: str) -> None:
    start = time.perf_counter()
    assert not looks_secret(text)
    assert time.perf_counter() - start < 5


@given(secret=st.from_regex(secret_shapes._SHAPES.pattern.replace("(?<![A-Za-z0-9])", ""), fullmatch=True))
def test_a_line_with_a_secret_of_any_shape_is_searched(secret: str) -> None:
    text = f"a:\n  {secret}\n"
    assert [found.span() for found in find_secrets(text)] == [
        found.span() for found in secret_shapes._SHAPES.finditer(text)
    ]
