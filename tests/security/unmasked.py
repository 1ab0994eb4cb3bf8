"""Runs keyplan with one mask taken out: `python unmasked.py MODULE:FUNCTION ARGUMENT...`, or a program: `... FILE.py`.

The function, which returns a text or takes note of one, does nothing then. `-` takes nothing out.
"""

from __future__ import annotations

import runpy
import sys
from importlib import import_module

from keyplan.__main__ import main

if __name__ == "__main__":
    module, _, function = sys.argv[1].partition(":")
    if function:
        setattr(import_module(module), function, lambda text: text)
    sys.argv[1:] = sys.argv[2:]
    if sys.argv[1].endswith(".py"):
        runpy.run_path(sys.argv[1])
    else:
        main()
