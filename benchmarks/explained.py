"""Aims that are missed, each with its reason and the profile that shows it; they do not fail `make bench`."""

from __future__ import annotations

from collections.abc import Mapping

_PLAN = """\
The SDK, and the bare loop, list keys. A plan also reads 10,000 declarations and tells where each stands, reads 10,000
receipts in the ledger and 20,000 small files in which the sink keeps raw keys and receipts, lists service keys a second
time by space, compares, and decides. Processor milliseconds of one run, on a busy machine:

| part | ms |
|---|---:|
| start, imports | 190 |
| reading the manifest: YAML events 175, declarations 165, search for secrets and schema 40 | 380 |
| where each raw key belongs: templates | 90 |
| the ledger's 10,000 receipts | 150 |
| the sink: 20,000 files opened, read and parsed, 10,000 digests compared | 450 |
| 15,000 keys on 150 pages and 10 spaces: JSON, HTTP, parsing | 430 |
| who owns what 180, decisions 330, guards 50, the rest | 640 |

No part stands out any longer: each is 10 to 60 microseconds a key of plain Python. What the sink and the ledger take is
the price of noticing a raw key that somebody changed or removed, which neither of the two others looks for.
"""

EXPLAINED: Mapping[str, str] = {"plan/sdk": _PLAN, "plan/bare": _PLAN}
"""By the id of the row."""
