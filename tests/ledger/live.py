"""The real ledger process on real Kafka, and what writes to its lanes: a bus's tallies, raw values, the workers' commits."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, TopicPartition

from ledger.client import LedgerClient
from ledger.settings import LedgerSettings
from schemas.names import TALLIES
from schemas.tally import Tally
from tests.ledger.drawn import encoded
from wire.publisher import TransactionalPublisher
from wire.reading import ends
from wire.settings import KafkaSettings

ROOT = Path(__file__).parents[2]


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as port:
        return f"127.0.0.1:{port.getsockname()[1]}"


def until(true: Callable[[], bool], patience: float = 40) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


class LedgerProcess:
    """`python -m ledger.process` with the environment of these settings. Dies with the `with`."""

    def __init__(self, settings: LedgerSettings) -> None:
        self.settings = settings
        self.address = free_address()
        self.log = settings.home.parent / f"ledger-{self.address[-5:]}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.client = LedgerClient(self.address)

    def start(self, ready: bool = True) -> Self:
        known = self.settings
        secret = known.kafka_password.get_secret_value() if known.kafka_password else ""
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SHUTONG_LANG": "en", "SHUTONG_HOME": str(known.home),
               "SHUTONG_BOOTSTRAP": known.bootstrap, "SHUTONG_PREFIX": known.prefix, "SHUTONG_KAFKA_USER": known.kafka_user,
               "SHUTONG_KAFKA_PASSWORD": secret, "SHUTONG_LEDGER_ADDRESS": self.address, "SHUTONG_CLICKHOUSE": known.clickhouse,
               "SHUTONG_LEDGER_MEMORY": "512", "PYTHONFAULTHANDLER": "1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "ledger.process"], env=env, cwd=ROOT, stdout=log, stderr=log)
        if ready:
            self._wait_until_ready()
        return self

    def _wait_until_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 60
        while not self.client.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.send_signal(signal.SIGABRT)  # where its threads stand goes to the log
                self.process.wait(10)
                raise AssertionError(self.log.read_text())
            time.sleep(0.05)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.process = None
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.client.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


class Bus:
    """Writes what workers write."""

    def __init__(self, admin: KafkaSettings) -> None:
        self._admin = admin
        self._publisher = TransactionalPublisher(admin, admin.names.transactional_id("worker", "w-1"))

    def tell(self, messages: Iterable[Sequence[Tally]]) -> None:
        """Several messages of tallies and what was found, in one transaction."""
        with self._publisher.transaction():
            for value in encoded(messages):
                self._publisher.send(TALLIES, None, value)

    def abort(self, messages: Iterable[Sequence[Tally]]) -> None:
        """The same in a transaction that is aborted: nobody may count this."""
        try:
            with self._publisher.transaction():
                for value in encoded(messages):
                    self._publisher.send(TALLIES, None, value)
                self._publisher.flush()
                raise KeyError
        except KeyError:
            pass

    def put(self, lane: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Values, markers and tombstones on a lane."""
        with self._publisher.transaction():
            for key, value in records:
                self._publisher.send(lane, key, value)

    def commit(self, lane: str, offset: int) -> None:
        """As the workers' group commits."""
        names = self._admin.names
        consumer = Consumer(self._admin.consumer_config("worker"))
        consumer.commit(offsets=[TopicPartition(names.topic(lane), 0, offset)], asynchronous=False)
        consumer.close()

    def ends(self) -> dict[int, int]:
        """The end of bus.tallies, by partition."""
        return {partition: end for (_, partition), end in ends(self._admin, [TALLIES], stable=True).items()}

    def close(self) -> None:
        self._publisher.close()
