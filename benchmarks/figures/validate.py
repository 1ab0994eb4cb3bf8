"""Reading a manifest of 10,000 declarations, without a mistake, and with one in each."""

from __future__ import annotations

from benchmarks.measuring import measure as run_in_turn
from benchmarks.rows import Row, compare
from benchmarks.stage import Stage

KEYS = 10_000
AIM = 1.5
SPOILT_AIM = 3.0
_WRONG_INPUT = 3


def measure(stage: Stage) -> list[Row]:
    """Return both rows, each beside a bare load of the same file with the C loader."""
    keys = stage.scale(KEYS)
    with stage.serving(keys) as server:
        folder = stage.prepare(server, keys)
    commands = {
        "valid": stage.command("validate", folder=folder),
        "bare": stage.peer("bare_yaml", str(folder / "keys.yaml")),
        "spoilt": stage.command("validate", "spoilt.yaml", folder=folder, status=_WRONG_INPUT),
        "bare spoilt": stage.peer("bare_yaml", str(folder / "spoilt.yaml")),
    }
    found = run_in_turn(commands, repeats=stage.repeats)
    subject, beside = f"`keyplan validate`, {keys:,} declarations", "bare C-loader `yaml.load` of it"
    return [
        compare("validate/valid", subject, found["valid"], beside, found["bare"], aim=AIM),
        compare(
            "validate/spoilt",
            f"{subject}, each with a mistake",
            found["spoilt"],
            beside,
            found["bare spoilt"],
            aim=SPOILT_AIM,
        ),
    ]
