"""What keyplan costs, measured: `python -m benchmarks` writes RESULTS.md. See docs/performance.md."""
