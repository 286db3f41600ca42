"""What every benchmark needs: a figure beside its target, waiting with patience, the most memory a process had."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["highest_memory", "say", "wait"]


def say(what: str, figure: float, sign: str, target: float) -> None:
    """One figure beside its target (DESIGN §9)."""
    met = figure >= target if sign == "≥" else figure <= target
    print(f"{what:48}{figure:8.2f}   target {sign} {target:g}   {'met' if met else 'MISSED'}")


def wait(ready: Callable[[], bool], patience: float) -> None:
    """Until it is so; ends the benchmark when it is not within `patience` seconds."""
    until = time.monotonic() + patience
    while not ready():
        if time.monotonic() > until:
            sys.exit("nothing moves")
        time.sleep(0.01)


def highest_memory() -> float:
    """MB this process had resident at most. `ru_maxrss` would tell that of the process it was forked from, if that is more."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
