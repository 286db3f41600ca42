"""How a worker process ends, as exit codes, and the one way to end it at once (I-7).

A supervisor restarts after `STUCK` and `BROKEN` as usual; after `FENCED` (somebody else has this slot) and `HALTED` (a
person is needed) it waits long. `CLEAN` is an end that was asked for.
"""

import logging
import os
import sys
from typing import Final, NoReturn

from schemas.errors import HaltError
from schemas.text import Text

__all__ = ["BROKEN", "CLEAN", "FENCED", "HALTED", "MEANING", "STUCK", "break_process", "end_process",
           "halt_process"]

CLEAN: Final = 0
FENCED: Final = 10
HALTED: Final = 11
STUCK: Final = 12
BROKEN: Final = 13

MEANING: Final = {
    CLEAN: Text("按要求结束", "ended as asked"),
    FENCED: Text("另一个进程接管了这个槽位", "another process has taken over this slot"),
    HALTED: Text("需要人处理后再启动", "a person is needed before the next start"),
    STUCK: Text("有输入在等，却没有进展", "input waits and nothing moves"),
    BROKEN: Text("意外错误", "an unexpected error"),
}

logger = logging.getLogger(__name__)


def end_process(code: int, why: object) -> NoReturn:
    """Say why and end now: no commit, no goodbye. The broker aborts what is open, the next start begins there."""
    logger.log(logging.CRITICAL if code else logging.INFO, "%s: %s (%d)", MEANING[code], why, code)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def halt_process(error: HaltError) -> NoReturn:
    """End because a person is needed; the error says what for."""
    end_process(HALTED, error)


def break_process(error: BaseException) -> NoReturn:
    """End because of an error nobody foresaw. Its text and traceback may show a record's value, so only where it happened is said."""
    end_process(BROKEN, _where(error))


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
    return f"{type(error).__name__} at {place}"
