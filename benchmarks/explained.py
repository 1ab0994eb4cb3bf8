"""Aims that are missed, each with its reason and the profile that shows it; they do not fail `make bench`."""

from __future__ import annotations

from collections.abc import Mapping

_PLAN = """\
The SDK lists 10,000 keys on 100 pages and makes objects of them. A plan lists them on 150 pages (service keys once more
for each space: which keys a space has is known from that alone), and does much besides. Milliseconds of one run of
1.9 s, each part by itself, the least of five:

| part | ms |
|---|---:|
| the interpreter, imports, the command line | 240 |
| reading 10,000 declarations; 85 of them are libyaml's events | 280 |
| where each raw key belongs | 35 |
| the ledger: 10,000 receipts | 100 |
| the sink: 20,000 files read 107, JSON 40, receipts 70, raw keys beside their fingerprints 40, the rest | 350 |
| the listing: 150 requests 110, JSON 60, 10,000 observations 70, the rest | 280 |
| threads of the last three in each other's way | 110 |
| desired keys 25, who owns what 110, decisions 240, guards 35, the rest | 430 |
| telling, and letting go of it all | 80 |

Half of the SDK's time is 1.4 s, and sink and ledger take 0.45 of it: the price of noticing that somebody changed or
removed a raw key. Without them the ratio would be 0.51. What is left is 10 to 35 microseconds of plain Python for each
key and part, and no part stands out. A second process would use the second core, and would hold raw keys and the
credential in one more place.
"""

_APPLY = """\
The ideal is 32 requests under way at every moment. A bare httpx loop, which reads, plans and stores nothing, reaches
0.91 of it. keyplan writes each key down four times in between: the intent in ledger and sink, raw key and receipt in
the sink, the receipt in the ledger; each is durable before the next step. Half as many keys as `--parallelism` says
are under way besides, so that the provider is asked meanwhile (docs/decisions/0012). Means of one key, from timers
around the ports, with twice as many under way:

| part | ms |
|---|---:|
| create and verify, 100 of it latency | 111 |
| intent and receipt in the ledger, commits shared | 67 |
| intent, raw key and receipt in the sink | 43 |

Processor time is 2.3 ms of Python and 2.2 ms of the kernel for each key, on two cores that the server shares: 4.5 of
the 6.2 ms that there are in the ideal time. Of its 86 system calls (`strace -f -c`), 6 are `fsync`, 60 open, look at,
lock, rename and close the sink's files, and 14 are HTTP's; after each, a thread waits for the interpreter lock anew.
"""

EXPLAINED: Mapping[str, str] = {"plan/sdk": _PLAN, "plan/bare": _PLAN, "apply/creates": _APPLY}
"""By the id of the row."""
