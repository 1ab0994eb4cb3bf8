"""The clock of the simulated world: the same that authors of plugins get, starting at NOW."""

from keyplan.testing.samples import NOW as START
from keyplan.testing.samples import SimulatedClock

__all__ = ["START", "SimulatedClock"]
