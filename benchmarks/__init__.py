"""One question a file; ``python -m benchmarks.NAME``. Results with machine and versions: `results/`."""
