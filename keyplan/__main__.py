"""`python -m keyplan`, and what the console script calls."""

from __future__ import annotations

from keyplan.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
