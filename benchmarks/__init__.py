"""One question a file; ``python -m benchmarks.NAME``. Results with machine and versions: `results/`."""

import os

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled Python is kept, as an installation has it
