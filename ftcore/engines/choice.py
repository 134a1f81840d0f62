"""Which engine on which device takes the work, with the reason in words.

`cpu` (C++) is the quick one on processors, `reference` (plain torch) defines the semantics and runs on
GPUs too, `cuda` is written for GPUs in Triton. `auto` takes what was measured to be the fastest of those that run here (`speeds.py`): owning a GPU must
not make a training slower.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ftcore.engines.speeds import Speed, Work, ranked
from ftcore.errors import InvalidOptions

if TYPE_CHECKING:
    from ftcore.engines.interface import Engine

ENGINES = ("cpu", "reference", "cuda")


@dataclass(frozen=True)
class EngineChoice:
    """An engine, its device and why; travels to the run's tags.

    Example:
        >>> choose_engine("auto", "cpu")
        EngineChoice(name='cpu', device='cpu', reason='cpu engine: device=cpu, and it is the fastest there')
    """

    name: str
    device: str
    reason: str


def choose_engine(engine: str = "auto", device: str = "auto", work: Work = "skipgram") -> EngineChoice:
    """Resolve `auto`; what was asked for and is not there is an error, never a quiet fallback.

    With ``engine=auto`` the fastest one takes the work, by what was measured (`ftcore.engines.speeds`): of all
    devices of this machine where ``device=auto``, else of those that run on the device.

    Args:
        engine: ``auto`` or a name in `ENGINES`.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        work: what is to be trained.

    Raises:
        UserError: unknown engine or device, no such GPU, the cpu engine on a GPU; the cuda engine without Triton
            or without a GPU.
    """
    if engine not in ("auto", *ENGINES):
        raise InvalidOptions(f"engine {engine!r} is not known; choose {', '.join(('auto', *ENGINES))}")
    if engine == "cuda":
        return _choose_cuda(device)
    place, seen = _find_device("cpu" if (engine, device) == ("cpu", "auto") else device)
    if engine == "cpu":
        if place != "cpu":
            raise InvalidOptions(
                f"engine=cpu does not run on {place}; set device=cpu, or engine=auto for the GPU"
            )
        return EngineChoice("cpu", "cpu", "cpu engine, as engine=cpu asks")
    if engine == "reference":
        return EngineChoice(engine, place, f"reference engine, as engine=reference asks; {seen}")
    if place == "cpu":
        return EngineChoice("cpu", place, f"cpu engine: {seen}, and it is the fastest there")
    best, *others = ranked(work, ("cpu", "cuda") if device == "auto" else ("cuda",))
    told = f"{best.engine} engine: {seen}, and it is the fastest measured at {work}: {_of(best, work)}"
    if others:
        told += "; " + ", ".join(f"{other.engine} {_of(other, work)}" for other in others)
    return EngineChoice(best.engine, "cpu" if best.device == "cpu" else place, told)


def _choose_cuda(device: str) -> EngineChoice:
    """The cuda engine, or what it lacks here."""
    if find_spec("triton") is None:
        raise InvalidOptions(
            "engine=cuda needs Triton, which is not installed: pip install 'ftcore[cuda]' (a torch for CUDA brings it "
            "along); or set engine=auto"
        )
    if os.environ.get("TRITON_INTERPRET") == "1":  # for tests: exact, and a million times slower
        return EngineChoice(
            "cuda", "cpu", "cuda engine, as engine=cuda asks; in Triton's interpreter, without a GPU"
        )
    import torch

    if not torch.cuda.is_available():
        why = (
            f"torch {torch.__version__} is built without CUDA; install one with it (https://pytorch.org/get-started)"
            if torch.version.cuda is None
            else "torch sees no GPU"
        )
        raise InvalidOptions(f"engine=cuda needs an NVIDIA GPU: {why}, or set engine=auto")
    if device == "cpu":
        raise InvalidOptions(
            "engine=cuda does not run on cpu; set device=auto or device=cuda:N, or engine=auto"
        )
    place, seen = _find_device(device)
    return EngineChoice("cuda", place, f"cuda engine, as engine=cuda asks; {seen}")


def _of(speed: Speed, work: Work) -> str:
    return f"{speed.tokens[work]:,} tokens a second on {speed.where}"


def _find_device(device: str) -> tuple[str, str]:
    """(``cpu`` or ``cuda:N``, what was asked and found); an error where it is not there."""
    if device == "cpu":
        return "cpu", "device=cpu"
    if device == "auto" and not _has_driver():  # a second of importing torch would tell no more
        return "cpu", "device=auto and this machine has no GPU driver"
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda:0", f"device=auto and torch sees a GPU ({torch.cuda.get_device_name(0)})"
        return "cpu", "device=auto and torch sees no GPU"
    kind, _, number = device.partition(":")
    if kind != "cuda" or (number and not number.isdigit()):
        raise InvalidOptions(f"device {device!r} is not known; choose auto, cpu, cuda or cuda:N")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(number or 0) >= found:
        there = f"torch sees {found} GPU(s)" if found else "torch sees no GPU"
        raise InvalidOptions(f"device {device!r} is not there: {there}; set device=auto or device=cpu")
    place = f"cuda:{int(number or 0)}"
    return place, f"device={device} ({torch.cuda.get_device_name(int(number or 0))})"


def _has_driver() -> bool:
    """Whether a GPU may be there: False only on a Linux machine without the device files of any driver."""
    files = ("/dev/nvidiactl", "/dev/nvidia0", "/proc/driver/nvidia", "/dev/dxg", "/dev/kfd")
    return "torch" in sys.modules or sys.platform != "linux" or any(map(os.path.exists, files))


def load_engine(
    choice: EngineChoice | Engine, deterministic: bool = True, threads: int | None = None
) -> Engine:
    """The engine of a choice; an engine passes through. Imports only the backend that is taken.

    Args:
        deterministic: the same bytes for the same seed; one thread on a CPU.
        threads: of the cpu engine where it need not be deterministic; None takes one a core.
    """
    if not isinstance(choice, EngineChoice):
        return choice
    if choice.name == "cpu":
        from ftcore.engines.cpu.engine import Cpu

        return Cpu(1 if deterministic else threads)
    if choice.name == "cuda":
        from ftcore.engines.cuda.engine import Cuda

        return Cuda(choice.device, deterministic)
    from ftcore.engines.reference.engine import Reference

    return Reference(choice.device, deterministic=deterministic)
