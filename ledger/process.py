"""The ledger process: recorder, auditor and HTTP in one, until SIGTERM or SIGINT. `run` gives the exit code.

Kafka or ClickHouse that is not there is waited for, and said; what needs a person ends the process with `HALTED`. One
process a home when ClickHouse is embedded: a second one is refused at once. On a server the last one started writes, and
one before it halts at its next insert.
"""

import fcntl
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from ledger.auditor import Auditor
from ledger.duty import Duty
from ledger.questions import Questions
from ledger.recorder import Recorder
from ledger.server import Desk, make_app
from ledger.settings import LedgerSettings
from schemas.errors import BusError, HaltError
from schemas.text import Text

__all__ = ["BROKEN", "HALTED", "main", "run"]

#: Exit codes, as those of a worker: a person is needed before the next start; something nobody expected.
HALTED, BROKEN = 11, 13

log = logging.getLogger(__name__)


def run(settings: LedgerSettings) -> int:
    """Run until told to end. To be called from the main thread: it listens for signals."""
    try:
        with _alone(settings), _listening(settings.ledger_address) as port:
            return _work(settings, port)
    except BusError as error:
        log.error("%s", error)
        return HALTED


def _work(settings: LedgerSettings, port: socket.socket) -> int:
    over = threading.Event()
    before = {each: signal.signal(each, lambda number, frame: over.set()) for each in (signal.SIGTERM, signal.SIGINT)}
    recorder, auditor = Recorder(settings), Auditor(settings)
    duties = (Duty("recorder", recorder.work, over.set), Duty("auditor", auditor.work, over.set))
    questions = Questions(settings)
    server = uvicorn.Server(uvicorn.Config(make_app(Desk(settings, recorder, auditor, duties, questions)), lifespan="off",
                                           log_config=None, log_level="warning", access_log=False,
                                           timeout_graceful_shutdown=3))  # fmt: skip
    http = threading.Thread(target=server.run, kwargs={"sockets": [port]}, name="http", daemon=True)
    try:
        http.start()
        for duty in duties:
            duty.start()
        log.info("%s", Text(f"账本已启动，地址 {settings.ledger_address}", f"the ledger runs at {settings.ledger_address}"))
        over.wait()
    finally:
        server.should_exit = True
        http.join(5)
        for duty in duties:
            duty.stop()
        questions.close()
        for each, handler in before.items():
            signal.signal(each, handler)
    errors = [duty.error for duty in duties if duty.error is not None]
    if not errors:
        log.info("%s", Text("账本已停止", "the ledger has stopped"))
        return 0
    return HALTED if all(isinstance(error, HaltError) for error in errors) else BROKEN


@contextmanager
def _alone(settings: LedgerSettings) -> Iterator[None]:
    """Hold the home's ledger: the embedded engine bears one process. The lock goes with the process, however it ends."""
    if not settings.embedded:
        yield
        return
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        lock = os.open(settings.home / "ledger.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise HaltError(
            Text(f"无法使用目录 {settings.home}（{error.strerror}）", f"cannot use the directory {settings.home} ({error.strerror})"),
            advice=Text("检查 SHUTONG_HOME 的路径和权限", "check path and rights of SHUTONG_HOME"),
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        yield
    except BlockingIOError:
        pid = os.read(lock, 20).decode(errors="replace") or "?"
        raise HaltError(
            Text(f"{settings.home} 的账本已由进程 {pid} 打开", f"the ledger of {settings.home} is open in process {pid}"),
            advice=Text("同一目录只能有一个 ledger 进程：用它的 HTTP 查询，或先停止它，或换一个 SHUTONG_HOME",
                        "one ledger process a home: ask that one over HTTP, or stop it first, or choose another SHUTONG_HOME"),
        ) from None
    finally:
        os.close(lock)


@contextmanager
def _listening(address: str) -> Iterator[socket.socket]:
    host, _, number = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        port = socket.create_server((host.strip("[]"), int(number)), family=family, backlog=128)
    except OSError as error:
        raise HaltError(
            Text(f"无法监听 {address}（{error.strerror}）", f"cannot listen at {address} ({error.strerror})"),
            advice=Text("端口可能已被占用：更改 SHUTONG_LEDGER_ADDRESS，或停止占用它的进程",
                        "perhaps the port is taken: change SHUTONG_LEDGER_ADDRESS, or stop who has it"),
        ) from None
    with port:
        yield port


def main() -> int:
    """`python -m ledger.process`, from the environment."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return run(LedgerSettings())


if __name__ == "__main__":
    sys.exit(main())
