"""The connect process: every instance of `bus.connectors` in a thread of its own, until told to stop.

Follows plan and instances live. A run that fails begins again by itself after a growing delay; one that needs a person
is tried again rarely. Killed at any moment, the next start goes on where the transactions ended.
"""

import logging
import signal
import sys
import threading
import time

from pydantic import ValidationError

from connectors.cursors import CURSORS
from connectors.settings import ConnectSettings
from connectors.worker import InstanceThread
from schemas.connector_status import STATUS_PREFIX
from schemas.control import ConnectorInstance, Plan
from schemas.errors import BusError, RetryError
from wire.compacted import CompactedReader
from wire.control import ControlReader
from wire.publisher import NotAcknowledged, Publisher

__all__ = ["ConnectProcess", "main", "run"]

CONNECTORS = "bus.connectors"
_STOP_SECONDS = 15.0
log = logging.getLogger("shutong.connect")


class ConnectProcess:
    """Keeps the threads equal to what `bus.connectors` says. One owner thread."""

    def __init__(self, settings: ConnectSettings) -> None:
        self._settings = settings
        self._threads: dict[str, InstanceThread] = {}
        self._told: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. RetryError: Kafka is not there."""
        with (
            ControlReader(self._settings) as control,
            CompactedReader(self._settings, [CONNECTORS]) as objects,
            Publisher(self._settings) as publisher,
        ):
            plan = control.load()
            objects.load()
            next_status = 0.0
            changed = True
            try:
                while not stop.is_set():
                    if changed:
                        self._match(plan, self._instances(objects.tables[CONNECTORS]))
                    if time.monotonic() >= next_status:
                        self._tell(publisher)
                        next_status = time.monotonic() + self._settings.connect_status_seconds
                    stop.wait(0.3)
                    newer = control.poll()
                    plan = newer or plan
                    changed = bool(objects.poll()) or newer is not None
            finally:
                self._stop_all()
                self._tell(publisher)

    def _instances(self, table: dict[bytes, bytes]) -> dict[str, ConnectorInstance]:
        found = {}
        for key, value in table.items():
            try:
                instance = ConnectorInstance.model_validate_json(value)
            except ValidationError as error:
                log.error("bus.connectors %s: %d fields cannot be read", key.decode(), error.error_count())
            else:
                found[instance.id] = instance
        return found

    def _match(self, plan: Plan, instances: dict[str, ConnectorInstance]) -> None:
        for name in self._threads.keys() - instances.keys():
            self._threads.pop(name).stop(_STOP_SECONDS)
        for name, instance in instances.items():
            thread = self._threads.get(name)
            if thread is None:
                thread = self._threads[name] = InstanceThread(self._settings, instance)
            thread.follow(plan, instance)

    def _stop_all(self) -> None:
        for thread in self._threads.values():
            thread.ask_to_stop()
        until = time.monotonic() + _STOP_SECONDS
        for thread in self._threads.values():
            thread.stop(max(0.1, until - time.monotonic()))

    def _tell(self, publisher: Publisher) -> None:
        """The status of every instance. Kafka that is away for it stops nothing."""
        for name, thread in self._threads.items():
            publisher.send(CURSORS, f"{STATUS_PREFIX}{name}".encode(), thread.board.read().to_json())
        for name in self._told - self._threads.keys():
            publisher.send(CURSORS, f"{STATUS_PREFIX}{name}".encode(), None)
        self._told = set(self._threads)
        try:
            publisher.flush(10)
        except NotAcknowledged as error:
            log.warning("%s: %s", CURSORS, error.why)
        except RetryError as error:
            log.warning("%s: %s", CURSORS, error)


def run(settings: ConnectSettings, stop: threading.Event | None = None) -> int:
    """Run until `stop`, by default SIGTERM or SIGINT; wait for Kafka with a growing delay. 1 when a person is needed."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if stop is None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    delay = settings.connect_retry_seconds
    while not stop.is_set():
        began = time.monotonic()
        try:
            ConnectProcess(settings).run(stop)
        except RetryError as error:
            if time.monotonic() - began > 60:
                delay = settings.connect_retry_seconds
            log.warning("%s", error)
            stop.wait(max(delay, error.after))
            delay = min(delay * 2, settings.connect_retry_most_seconds)
        except BusError as error:
            log.error("%s", error)
            return 1
    return 0


def main() -> int:
    """`shutong connect`: 0 when told to stop, 1 when a person is needed."""
    return run(ConnectSettings())


if __name__ == "__main__":
    raise SystemExit(main())
