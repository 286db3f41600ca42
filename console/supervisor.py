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
from dataclasses import dataclass, field
from pathlib import Path

from schemas.text import Text
from streams.transport.exits import FENCED, HALTED, MEANING
from trial.kafka.leash import spawn

__all__ = ["Program", "Supervisor", "python"]

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0
#: A process that ran this long before it died starts again at once.
_SETTLED = 30.0
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
        program = child.program
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{program.name}.log").open("ab") as log:
            child.process = spawn(list(program.command), output=log, keep=log.fileno(), cwd=Path.cwd(),
                                  env=dict(program.env), leash=True)
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
            child.due = 0.0
            child.restarts += 1
            self._launch(child)

    def _plan_restart(self, child: _Child, code: int, now: float) -> None:
        if now - child.started > _SETTLED:
            child.delay = _FIRST_DELAY
        wait = _LONGEST_DELAY if code in _SLOW_RESTART else child.delay
        child.delay = min(child.delay * 2, _LONGEST_DELAY)
        child.due = now + wait
        log = self._logs / f"{child.program.name}.log"
        how = Text(*[signal.Signals(-code).name] * 2) if code < 0 else MEANING.get(code, Text(str(code), str(code)))
        self._told(child.program.name, Text(f"结束了（{how.zh}），{wait:.1f} 秒后重启；日志 {log}",
                                            f"ended ({how.en}), restarts in {wait:.1f} s; log {log}"))


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
