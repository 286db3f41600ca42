"""Starts a program in its own session, on a leash if asked: it is then killed when this process dies, however it dies.

Linux ties that to the *thread* that started the program, so programs on a leash are started by one that lives as long
as the process. Elsewhere the leash does nothing.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

__all__ = ["spawn"]

_STARTER = ThreadPoolExecutor(1, thread_name_prefix="leash")
# Run by a bare Python that becomes the program: code between fork and exec of a threaded process can hang.
_TIE = """
import ctypes, os, signal, sys
parent, program = int(sys.argv[1]), sys.argv[2:]
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != parent:
    sys.exit("parent is gone")
os.execv(program[0], program)
"""


def spawn(
    command: list[str], *, output: IO[bytes], keep: int, cwd: Path, env: dict[str, str], leash: bool
) -> subprocess.Popen[bytes]:
    """Start `command`; `keep` is a file descriptor it inherits. Its own session: Ctrl-C here does not reach it."""

    def start(tie: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*tie, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env=env,
            pass_fds=(keep,),
            start_new_session=True,
        )

    if leash and sys.platform == "linux":
        return _STARTER.submit(start, [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid())]).result()
    return start()
