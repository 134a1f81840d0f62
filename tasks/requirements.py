"""What a registered model needs to answer without this checkout."""

from __future__ import annotations

from collections.abc import Sequence


def serving_requirements() -> list[str]:
    """Packages, with the versions in use, that a model needs to answer without this checkout."""
    from importlib.metadata import PackageNotFoundError, version

    pinned = []
    for name in SERVING:
        try:
            pinned.append(f"{name}=={version(name).split('+')[0]}")
        except PackageNotFoundError:
            pinned.append(name)
    return pinned


SERVING: Sequence[str] = (
    "mlflow",
    "torch",
    "numpy",
    "pandas",
    "pyarrow",
    "jieba",
    "safetensors",
    "pydantic",
    "pyyaml",
    "stopwordsiso",
    "opencc",
    "xxhash",
    "zstandard",
    "rich",
)
