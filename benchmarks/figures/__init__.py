"""One module for each figure of the table; `python -m benchmarks --only plan` runs one alone."""
