"""All that serve knows, kept fresh by threads of its own: requests only read it."""

import logging
import threading
import time

import psutil

from console.serve.assembling import STALE_AFTER, Seen, assemble
from console.serve.feed import Feed
from console.serve.kafka_watch import KafkaWatch
from console.serve.ledger_watch import LedgerWatch
from console.serve.login import Login
from console.serve.quarantine_watch import QuarantineWatch
from console.serve.replay_duty import ReplayDuty
from console.serve.settings import ServeSettings
from console.serve.snapshot import Snapshot
from console.serve.stop_line_duty import StopLineDuty
from governance.apply import password_file
from governance.registry.desk import Desk
from governance.writing import KeptWriter
from schemas.control import Plan
from schemas.text import Text
from wire.secret import read_secret
from wire.settings import KafkaSettings

__all__ = ["Board", "Reason"]

log = logging.getLogger("shutong.serve")

#: Why serve is not ready, and what to do.
Reason = tuple[Text, Text]


class Board:
    """Start it, read `snapshot`, follow `feed`, stop it."""

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self._refresh = settings.serve_refresh_seconds
        self.feed = Feed()
        #: Plan and registry are changed through these; nothing is asked of Kafka before somebody does.
        self.writer = KeptWriter(self.control_settings, settings.secrets)
        self.desk = Desk(self.writer, self._plan)
        self.login = Login(settings.secrets, self.desk.plan)
        # What serve looks at, and what it does by itself. Each is a thread; `start` and `stop` know no others.
        self.kafka = KafkaWatch(settings)
        self.ledger = LedgerWatch(settings.ledger_url, lambda: self.feed.followers > 0)
        self.quarantine = QuarantineWatch(settings, self.kafka)
        self.duties = (ReplayDuty(settings.replayer, self.kafka, self.quarantine),
                       StopLineDuty(self.writer, self.kafka, self.desk.plan))
        self._watchers = (self.kafka, self.ledger, self.quarantine, *self.duties)
        self.process = psutil.Process()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._compose, name="compose", daemon=True)

    @property
    def snapshot(self) -> Snapshot:
        """Everything as it is known at this moment."""
        return assemble(time.time(), self._refresh, Seen.by("kafka", self.kafka), Seen.by("ledger", self.ledger),
                        Seen.by("quarantine", self.quarantine), tuple(duty.told() for duty in self.duties))

    def reasons(self) -> list[Reason]:
        """Why we are not ready: empty when Kafka answers and the plan was read."""
        view, trouble = self.kafka.view, self.kafka.trouble
        if trouble is not None:
            return [(trouble.problem, trouble.advice)]
        if view is None:
            return [(Text("还在读取控制通道", "still reading the control topics"), Text("稍等几秒", "wait some seconds"))]
        if time.time() - self.kafka.as_of > STALE_AFTER:
            return [(Text("Kafka 没有应答", "Kafka does not answer"),
                     Text("检查 Kafka 与 SHUTONG_BOOTSTRAP", "check Kafka and SHUTONG_BOOTSTRAP"))]
        if not view.plan.version:
            return [(Text("总线上还没有方案", "there is no plan on the bus yet"),
                     Text("执行 shutong apply <城市目录>", "run shutong apply <city directory>"))]
        return []

    def control_settings(self) -> KafkaSettings:
        """Kafka as the role that writes the plan, another one than that by which serve reads. A HaltError without its password."""
        return self.settings.as_role("control", read_secret(password_file(self.settings.secrets, "control")))

    def start(self) -> None:
        """Start the threads; returns at once, Kafka and ledger may come later."""
        for watcher in self._watchers:
            watcher.start()
        self._thread.start()

    def stop(self) -> None:
        """End pages that follow, then the threads."""
        self.feed.close()
        self._stopping.set()
        for watcher in self._watchers:
            watcher.stopping.set()
        for watcher in self._watchers:
            watcher.stop()
        self._thread.join(5)
        self.writer.close()

    def _plan(self) -> Plan | None:
        view = self.kafka.view
        return view.plan if view is not None else None

    def _compose(self) -> None:
        while not self._stopping.is_set():
            try:
                self.feed.publish(self.snapshot.for_page())
            except Exception as error:  # the page then says that it hears nothing; the next one may succeed
                log.error("snapshot: %s", type(error).__name__)
            self._stopping.wait(self._refresh)
