"""Runs the bus's processes on one machine: starts them in order, restarts what dies with growing delay, stops in reverse.

For `up` and the demo. Every child is on a leash: it dies with the supervisor, however that ends. What happens is told to
`told(name, what)`; the output of each process goes to `<logs>/<name>.log`.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from schemas.text import Text
from streams.transport.exits import FENCED, HALTED, MEANING
from trial.kafka.leash import spawn

__all__ = ["Program", "Supervisor", "python"]

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0
#: A process that ran this long before it died starts again at once.
_SETTLED = 30.0
#: Bytes; a larger log is put aside when its process starts, in place of the one put aside before.
_LARGE_LOG = 20_000_000
#: Exit codes after which a quick restart would only repeat the end: fenced by another, or a person is needed.
_SLOW_RESTART = frozenset({FENCED, HALTED})

Told = Callable[[str, Text], None]


@dataclass(frozen=True)
class Program:
    """One process: its name, its command, and the only environment it gets beyond the machine's basics."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    delay: float = _FIRST_DELAY
    due: float = 0.0


class Supervisor:
    """Owns a set of child processes. Thread-safe; `stop` is final."""

    def __init__(self, logs: Path, told: Told, *, restart: bool = True) -> None:
        self._logs = logs
        self._told = told
        self._cwd = Path.cwd()
        self._restart = restart
        self._children: dict[str, _Child] = {}
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, program: Program) -> None:
        """Start one more process and keep it running from now on."""
        with self._lock:
            child = self._children[program.name] = _Child(program)
            self._launch(child)
            if not self._watcher.is_alive() and not self._over.is_set():
                self._watcher.start()

    def signal(self, name: str, what: signal.Signals) -> None:
        """Send a signal to one process, as an operator (or a fault) would."""
        with self._lock:
            process = self._children[name].process
            if process is not None:
                process.send_signal(what)

    def end(self, name: str, timeout: float = 15.0) -> None:
        """Stop one process for good, asking first."""
        with self._lock:
            child = self._children.pop(name)
        _end(child.process, time.monotonic() + timeout)

    def states(self) -> dict[str, tuple[int | None, int]]:
        """Of each process: its pid while it runs, and how often it was restarted."""
        with self._lock:
            return {name: (child.process.pid if child.process and child.process.poll() is None else None, child.restarts)
                    for name, child in self._children.items()}

    def stop(self, timeout: float = 15.0) -> None:
        """Stop all in reverse order of their start: asked first, killed after `timeout` seconds together."""
        self._over.set()
        with self._lock:
            deadline = time.monotonic() + timeout
            for child in reversed(self._children.values()):
                _end(child.process, deadline)

    def _launch(self, child: _Child) -> None:
        program, path = child.program, self._log(child)
        self._logs.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LARGE_LOG:
            path.replace(path.with_name(f"{path.name}.old"))
        # Programs are named by their full path: any directory will do when ours was removed under us.
        cwd = self._cwd if self._cwd.is_dir() else self._logs
        with path.open("ab") as log:
            child.process = spawn(list(program.command), output=log, keep=log.fileno(), cwd=cwd, env=dict(program.env), leash=True)
        child.started = time.monotonic()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            with self._lock:
                for child in self._children.values():
                    self._look_at(child)

    def _look_at(self, child: _Child) -> None:
        if self._over.is_set() or child.process is None:
            return
        code = child.process.poll()
        now = time.monotonic()
        if code is None:
            return
        if not child.due:
            self._plan_restart(child, code, now)
        elif now >= child.due and self._restart:
            self._start_again(child, now)

    def _start_again(self, child: _Child, now: float) -> None:
        """Launch it once more; what stands in the way now (no process to be had, no log) may be gone after a wait."""
        try:
            self._launch(child)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            self._wait_and_tell(child, now, child.delay, Text(f"不能启动（{why}）", f"cannot be started ({why})"))
        else:
            child.due = 0.0
            child.restarts += 1

    def _plan_restart(self, child: _Child, code: int, now: float) -> None:
        if now - child.started > _SETTLED:
            child.delay = _FIRST_DELAY
        wait = _LONGEST_DELAY if code in _SLOW_RESTART else child.delay
        how = MEANING.get(code, Text(*[_signal_name(-code) if code < 0 else str(code)] * 2))
        self._wait_and_tell(child, now, wait, Text(f"结束了（{how.zh}）", f"ended ({how.en})"))

    def _wait_and_tell(self, child: _Child, now: float, wait: float, what: Text) -> None:
        child.delay = min(child.delay * 2, _LONGEST_DELAY)
        child.due = now + wait
        log = self._log(child)
        # A terminal that is gone or a full disk takes no word; the processes are watched all the same.
        with suppress(OSError, ValueError):
            self._told(child.program.name, Text(f"{what.zh}，{wait:.1f} 秒后重启；日志 {log}",
                                                f"{what.en}, restarts in {wait:.1f} s; log {log}"))

    def _log(self, child: _Child) -> Path:
        return self._logs / f"{child.program.name}.log"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # the real-time ones between the first and the last have none
        return f"signal {number}"


def _end(process: subprocess.Popen[bytes] | None, deadline: float) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def python(*arguments: str) -> list[str]:
    """A command of this installation, by the interpreter that runs us."""
    return [sys.executable, *arguments]
