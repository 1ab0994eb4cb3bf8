"""Recognize texts that look like a secret: a raw key, or a well-known kind of token.

Only shapes with a fixed beginning count. Entropy alone does not, because ids of spaces are random too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What may stand before a fixed part has a greatest length: without one, a line of a megabyte took hours to search.
_SHAPES = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    # docs/arize-api.md, A34: `ak-` and 50 characters in the examples; the shape is not a contract. Words joined by
    # hyphens, such as ak-eu-west-1-production-ingest, are names.
    r"ak-(?:(?=[A-Za-z0-9_-]{0,200}[0-9])(?=[A-Za-z0-9_-]{0,200}[a-z])(?=[A-Za-z0-9_-]{0,200}[A-Z])[A-Za-z0-9_-]{20,}"
    r"|[A-Za-z0-9]{20,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{8,})"
    r"|eyJ[A-Za-z0-9_-]{10,1000}\.[A-Za-z0-9_-]{10,}"  # JSON Web Token
    r"|hv[sbr]\.[A-Za-z0-9_-]{20,}"  # HashiCorp Vault, OpenBao
    r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}"  # GitHub
    r"|glpat-[A-Za-z0-9_-]{20,}"  # GitLab
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])"  # AWS access key ids
    r"|AIza[A-Za-z0-9_-]{35}"  # Google API keys
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|sk-[A-Za-z0-9]{20,}|sk_live_[A-Za-z0-9]{10,}"  # OpenAI, LiteLLM, Stripe
    r"|sk-or-v1-[0-9a-f]{40,}"  # OpenRouter
    # OpenAI. A name such as sk-proj-ingest-of-production-eu-west-1-blue has no capital letters.
    r"|sk-(?:admin|proj|svcacct)-(?=[A-Za-z0-9_-]{0,200}[0-9])(?=[A-Za-z0-9_-]{0,200}[a-z])(?=[A-Za-z0-9_-]{0,200}[A-Z])"
    r"[A-Za-z0-9_-]{30,}"
    # Langfuse. Its pk-lf-... is a user name and no secret.
    r"|sk-lf-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{8,}"
    r"|dp\.[a-z]{2,5}\.[A-Za-z0-9]{30,}"  # Doppler
    r"|ZEN(?:PRO)?KEY_[A-Za-z0-9+/]{20,}={0,2}"  # ZenML: base64 of the key's id and its secret
    r")"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"  # PEM
    r"|AGE-SECRET-KEY-1[A-Z0-9]{20,}"
    r"|[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@'\"]*:[^\s/@'\"]+@"  # a password in a URL
)
_TELLING = (
    *("ak-", "eyJ", "hv", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
    *("AKIA", "ASIA", "AIza", "xox", "sk-", "sk_live_", "dp.", "KEY", "://"),
)
"""One of these is in every shape; none of the shapes goes on in another line.

They are few, because each takes 0.5 ms of a megabyte, and rare, because a line with one of them is searched.
"""
_SHORTEST = 9


def looks_secret(text: str) -> bool:
    """Whether something in the text has the shape of a secret."""
    return len(text) >= _SHORTEST and _SHAPES.search(text) is not None


def find_secrets(text: str) -> Iterator[re.Match[str]]:
    """Yield everything that has the shape of a secret, in order. Use the offsets; never show the match."""
    # Only the lines that can hold one are searched: 12 ms instead of 50 for a megabyte without secrets.
    for start, end in _find_lines(text):
        yield from _SHAPES.finditer(text, start, end)


def _find_lines(text: str) -> list[tuple[int, int]]:
    """Return start and end of the lines that hold the beginning of a shape, in order."""
    lines: set[tuple[int, int]] = set()
    for word in _TELLING:
        at = text.find(word)
        while at >= 0:
            start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
            end = end if end >= 0 else len(text)
            lines.add((start, end))
            at = text.find(word, end)
    return sorted(lines)
