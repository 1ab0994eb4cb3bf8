"""Aims that are missed, each with its reason and the profile that shows it; they do not fail `make bench`."""

from __future__ import annotations

from collections.abc import Mapping

_PLAN = """\
The floor loads the manifest without looking at it, and lists 10,000 keys without looking at one. The SDK lists them on
100 pages and makes objects of them; a plan takes 150 pages (service keys once more for each space: which keys a space
has is known from that alone), and does much besides. Milliseconds in which the interpreter was at work in each part,
from samples of six runs of 1.53 s in all:

| part | ms |
|---|---:|
| imports; 90 of them make dataclasses | 250 |
| the command line, policies, the rest of the start | 50 |
| reading 10,000 declarations; 85 of them are libyaml's events | 220 |
| where each raw key belongs, once to check the manifest and once to plan | 100 |
| the ledger: receipts 80, known places 25, the rest JSON and SQLite | 190 |
| the sink: looking at 20,000 files, and what would keep them from being written | 55 |
| the listing: 150 requests 85, keys 40 | 130 |
| putting it together | 110 |
| who owns what 100, decisions 210, the rest | 410 |
| telling | 30 |

Everything shares one interpreter lock, so that the parts add up. Of each key 3 to 20 microseconds of plain Python are
left in each part, and no part stands out. What was measured and not taken, of the same 1.53 s:

- `msgspec` for receipts and pages: 40 ms for receipts when all notes beside secrets are read, 13 ms now that they are
  not; 15 ms for pages (docs/decisions/0013).
- A reader of its own for manifests of plain lines: 75 ms, and a second reading of YAML to keep equal to the first.
- A second process: it would use the second core, and hold raw keys and the credential in one more place.
"""

_SMALL = """\
To import httpx and yaml alone takes 72 ms of the 249. keyplan brings 248 modules of its own, 110 ms, of which the
standard library needs 65 to make 217 dataclasses: each compiles six methods when it is defined. The plan of
2026-11-23, run beside today's, takes 242 ms; that day the imports beside it took 195 ms instead of 142, and the aim
was met.
"""

_LATENCY = """\
A plan reads the whole manifest before it asks the provider anything, so that a mistake in it costs no request, and it
decides once the last page is there. Seconds of one run beside 4.1 s for the pages of the longest listing: start 0.25,
manifest 0.3, decisions and telling 0.4. Spaces, ledger and sinks are asked meanwhile.
"""

_APPLY = """\
The ideal is 32 requests under way at every moment. A bare httpx loop, which reads, plans and stores nothing, reaches
0.93 of it. keyplan writes each key down four times in between: the intent in ledger and sink, raw key and receipt in
the sink, the receipt in the ledger; each is durable before the next step. A key also waits for a look for keys that
another run made at the same moment, because neither a SQLite ledger nor the sink `file` keeps runs of two machines
apart: one listing serves all keys that wait for it, and there are 16 of them. Four times as many keys as
`--parallelism` says are under way, so that the provider is asked meanwhile (docs/decisions/0012).

Processor time is 2.5 ms of Python and 2.9 ms of the kernel for each key, on two cores that the server shares: 5.4 of
the 6.2 ms that there are in the ideal time. Of its 142 system calls (`strace -f -c`), 6 are `fsync` and some 110 open,
look at, lock, write, rename and close the sink's files and the ledger's; after each, a thread waits for the interpreter
lock anew. On 2026-11-23 there were 86, and 0.75 of the ideal was reached; since then other runs are looked for, and a
file comes to its place by way of a hidden folder that git ignores.
"""

EXPLAINED: Mapping[str, str] = {
    "plan/2": _SMALL,
    "plan/sdk": _PLAN,
    "plan/bare": _PLAN,
    "plan/latency": _LATENCY,
    "apply/creates": _APPLY,
}
"""By the id of the row."""
