"""What a running bus needs done again and again. Whatever stands in its way is told once and waited out, never a reason to end.

For `up`. A failure is tried again after a growing wait; the processes go on meanwhile, for they wait for what is away themselves.
"""

import time
from collections.abc import Callable

from schemas.errors import BusError, HaltError
from schemas.text import Text

__all__ = ["Upkeep"]

_LONGEST_WAIT = 60.0


class Upkeep:
    """One such duty. `do` gives the seconds until it is due again; `told` hears what stands in the way."""

    def __init__(self, do: Callable[[], float], told: Callable[[BusError], None]) -> None:
        self._do = do
        self._told = told
        self._last = ""
        self._wait = 0.0
        self._due = 0.0

    @property
    def well(self) -> bool:
        """Whether it went well the last time, or was not done yet."""
        return not self._wait

    def look(self) -> None:
        """Do it if it is due."""
        if time.monotonic() < self._due:
            return
        try:
            pause = self._do()
        except BusError as error:
            pause = self._failed(error)
        except OSError as error:
            why = error.strerror or type(error).__name__
            pause = self._failed(HaltError(Text(f"本机拒绝了请求（{why}）", f"this machine refused a request ({why})"),
                                           advice=Text("检查磁盘空间、内存和进程数上限",
                                                       "check disk space, memory and the limit of processes")))
        else:
            self._last, self._wait = "", 0.0
        self._due = time.monotonic() + pause

    def _failed(self, error: BusError) -> float:
        if str(error) != self._last:
            self._last = str(error)
            self._told(error)
        self._wait = min(max(self._wait * 2, 1.0), _LONGEST_WAIT)
        return self._wait
