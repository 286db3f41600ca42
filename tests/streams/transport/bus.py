"""The test city on a real Kafka, and its workers as the real processes they are in production."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from schemas.codec import EventCodec, decode_tallies
from schemas.control import LaneState, Plan
from schemas.envelope import Event
from schemas.status import WorkerStatus
from tests.streams.world import RESIDENT, SECRET, SUBSCRIPTIONS, city, key_of, resident, value
from trial.kafka import ADMIN, LocalKafka
from wire.admin import BUS_LANES, Provisioner
from wire.compacted import read_compacted
from wire.control import ControlWriter
from wire.publisher import Publisher
from wire.reading import LaneReader, committed, read_all
from wire.settings import KafkaSettings

RAW, CLEAN, INBOX = "raw.health", "clean.health", "deliver.tax"
FOUR = {name: told for name, told in SUBSCRIPTIONS.items() if not name.startswith("school.")}
LANES = {RAW: 2, CLEAN: 2, "raw.civil": 2, "clean.civil": 2, "dead.health": 1, "dead.civil": 1,
         **{f"deliver.{name.split('.')[0]}": 1 for name in SUBSCRIPTIONS}}
PASSWORD = SecretStr("of the test worker")


def person(number: int) -> str:
    """A resident's number that passes its check, nobody's."""
    body = f"341502{1950 + number % 50}0101{number // 50:03}"
    return body + "10X98765432"[sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(body)) % 11]


class Bus:
    """Lanes, users and plan of `world.city`, or of another; `start` and `kill` workers by slot."""

    def __init__(self, kafka: LocalKafka, prefix: str, home: Path, *, new: bool = True, plan: Plan | None = None,
                 lanes: Mapping[str, int] = LANES) -> None:
        self.home = home
        self.admin = KafkaSettings(bootstrap=kafka.bootstrap, kafka_user=ADMIN,
                                   kafka_password=SecretStr(kafka.password(ADMIN)), prefix=prefix)
        provisioner = Provisioner(self.admin)
        provisioner.ensure_lanes({**BUS_LANES, **lanes})
        provisioner.ensure_users({"worker": PASSWORD})
        provisioner.grant(["worker"])
        self.workers: dict[int, subprocess.Popen[bytes]] = {}
        self._said_before: dict[int, int] = {}
        self._writer: ControlWriter | None = None
        self.plan = self.write(plan or city(subscriptions=FOUR), new=new)
        first = min(item.output_schema for item in self.plan.subscriptions.values())
        self.codec = EventCodec(self.plan.schemas[first].text, first)

    @property
    def writer(self) -> ControlWriter:
        """The one writer of the plan."""
        self._writer = self._writer or ControlWriter(self.admin)
        return self._writer

    def write(self, plan: Plan, *, new: bool) -> Plan:
        """Put a plan in force."""
        tables = (plan.departments, plan.nodes, plan.schemas, plan.datasets, plan.subscriptions)
        lanes = {lane: LaneState(partitions=state.partitions, new=new) for lane, state in plan.lanes.items()}
        return self.writer.write([item for table in tables for item in table.values()], lanes=lanes)

    def environment(self, **more: str) -> dict[str, str]:
        """What a worker process is configured by."""
        return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "SHUTONG_BOOTSTRAP": self.admin.bootstrap,
                "SHUTONG_PREFIX": self.admin.prefix, "SHUTONG_KAFKA_USER": self.admin.names.user("worker"),
                "SHUTONG_KAFKA_PASSWORD": PASSWORD.get_secret_value(), "SHUTONG_SECRET": SECRET.decode(),
                "SHUTONG_HOME": str(self.home), "SHUTONG_HOST": "h", "SHUTONG_SECURITY": "SASL_PLAINTEXT",
                "SHUTONG_LANG": "zh", **more}

    def start(self, slot: int, program: str = "", **environment: str) -> "subprocess.Popen[bytes]":
        """A worker process, or a program with one of its own; what it says is in `log(slot)`."""
        self._said_before[slot] = len(self.log(slot))
        command = ["-c", program] if program else ["-m", "streams.worker", "--slot", str(slot)]
        with (self.home / f"worker-{slot}.log").open("ab") as log:
            started = self.workers[slot] = subprocess.Popen(
                [sys.executable, *command], env=self.environment(**environment), stdout=log, stderr=log)
        return started

    def wait_until_it_runs(self, slot: int, patience: float = 40) -> None:
        """Its partitions may still be on their way."""
        self._wait_until_it_says(slot, f"worker h-{slot} runs", patience)

    def wait_until_it_has_joined(self, slot: int, patience: float = 40) -> None:
        """It has been given its partitions."""
        self._wait_until_it_says(slot, "assigned", patience)

    def _wait_until_it_says(self, slot: int, text: str, patience: float) -> None:
        until = time.monotonic() + patience
        while text not in self.log(slot)[self._said_before[slot]:]:
            assert time.monotonic() < until, self.log(slot)
            time.sleep(0.1)

    def log(self, slot: int) -> str:
        """What the workers of this slot said."""
        path = self.home / f"worker-{slot}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def kill(self, slot: int) -> None:
        """kill -9."""
        self.workers[slot].kill()
        self.workers[slot].wait()

    def end(self, slot: int, timeout: float = 20) -> int:
        """SIGTERM; the exit code."""
        self.workers[slot].send_signal(signal.SIGTERM)
        return self.workers[slot].wait(timeout)

    def publish(self, seqs: Iterable[int], people: int = 200, divisions: Sequence[str] = ("341502",)) -> None:
        """One event a seq, of one stream; each person moves from one division to the next."""
        with Publisher(self.admin, linger_ms=5) as publisher:
            for seq in seqs:
                number = person(seq % people)
                publisher.send(RAW, key_of(number), value("u" if seq >= people else "c", resident(
                    number, division=divisions[seq // people % len(divisions)]), seq=seq))

    def inbox(self, wanted: int, patience: float = 30, subscriber: str = "tax") -> list[tuple[bytes, Event]]:
        """What a subscriber of residents has, as soon as it has so many and nothing more comes for a moment."""
        number = self.plan.subscriptions[f"{subscriber}.{RESIDENT}"].output_schema
        codec = EventCodec(self.plan.schemas[number].text, number)
        found: list[tuple[bytes, Event]] = []
        with LaneReader(self.admin, [f"deliver.{subscriber}"]) as reader:
            until = time.monotonic() + patience
            while len(found) < wanted and time.monotonic() < until:
                found += [(record.key or b"", codec.decode(record.value or b"")) for record in reader.batch(0.5)]
            found += [(record.key or b"", codec.decode(record.value or b"")) for record in reader.batch(0.5)]
        return found

    def tallied(self) -> Counter[tuple[str, str]]:
        """Records by stage and subscriber, as the books have them."""
        books = Counter[tuple[str, str]]()
        for record in read_all(self.admin, ["bus.tallies"]):
            for tally in decode_tallies(record.value or b"")[2]:
                books[tally.key.stage, tally.key.subscriber] += tally.records
        return books

    def statuses(self) -> dict[str, WorkerStatus]:
        """What the workers say of themselves."""
        return {key.decode(): WorkerStatus.model_validate_json(value)
                for key, value in read_compacted(self.admin, "bus.workers").items()}

    def count(self, lane: str) -> int:
        """Committed records of a lane."""
        return sum(1 for _ in read_all(self.admin, [lane]))

    def committed(self, lane: str) -> dict[int, int]:
        """The workers' committed offsets."""
        return {number: commit.offset for (_, number), commit in committed(self.admin, "worker", [lane]).items()}

    def stop(self) -> None:
        """End whatever was started."""
        for worker in self.workers.values():
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
                worker.wait()
        if self._writer is not None:
            self._writer.close()
