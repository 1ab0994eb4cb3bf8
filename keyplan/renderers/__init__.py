"""Plans, reports, drifts and errors as text. `formats.py` is the only door, and the place for a new output format.

`text/` is for terminals, `ci/` for pipelines and code forges, `machine/` for programs; they do not import each other.
What they share is beside them: words, summaries, descriptions, style. Nothing here reads a clock, a terminal or the
environment, and untrusted text never leaves as it came in.
"""
