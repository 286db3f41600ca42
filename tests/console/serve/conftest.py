"""A board to fill by hand behind the real HTTP server; and, for what Kafka and the ledger say, the real ones."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import uvicorn

from console.serve.board import Board
from console.serve.kafka_watch import KafkaView
from console.serve.lag import Behind
from console.serve.ledger_watch import LedgerView
from console.serve.process import make_server
from console.serve.quarantine_watch import QuarantineView
from console.serve.settings import ServeSettings
from ledger.client import (
    Books,
    DutyState,
    Figure,
    FindingRow,
    Integrity,
    LatencyRow,
    Minute,
    Peak,
    QualityRow,
    RecorderState,
    Volume,
    VolumeRow,
    Window,
)
from ledger.shanghai import iso, today
from schemas.connector_status import ConnectorStatus, Remark
from schemas.control import ConnectorInstance, Dataset, Department, Node, Plan
from schemas.status import LaneLag, StageCount, WorkerStatus
from schemas.text import Text
from trial.kafka.ports import draw_port

DATASET = Dataset(id="health.resident", title="居民", title_en="resident", provider="health", key=("id",), row_schema="{}",
                  event_schema=1)
PLAN = Plan(
    version=7,
    departments={"health": Department(id="health", title="卫生健康委", title_en="Health Commission", roles=("provider",))},
    nodes={"luan": Node(id="luan", code="341500", title="六安市", title_en="Lu'an", kind="self")},
    datasets={DATASET.id: DATASET},
)
#: A value of a record: wherever it shows, personal data leaked.
PERSONAL = "11010519491231002X"


def now_ms(ago: float = 0) -> int:
    return int((time.time() - ago) * 1000)


def worker(number: int = 1, ago: float = 0, **lanes: LaneLag) -> WorkerStatus:
    """A worker that spoke `ago` seconds ago; of lanes `_` stands for the dot."""
    return WorkerStatus(
        worker=f"host-{number}", host="host", slot=number, epoch=1, state="running", plan_version=7, started=now_ms(3600),
        updated=now_ms(ago), stages={"arrived": StageCount(total=1200, per_second=40.0),
                                     "delivered": StageCount(total=3100, per_second=104.5)},
        lanes={lane.replace("_", "."): lag for lane, lag in lanes.items()}, not_begun=0, commits=99, aborts=1,
        transaction_ms=42.0, last_commit=now_ms(ago), rss=200_000_000)  # fmt: skip


def instance(name: str, direction: str = "source", paused: bool = False) -> ConnectorInstance:
    return ConnectorInstance(id=name, kind="sql_table", direction=direction, department=name.split(".")[0], paused=paused)


def connector(name: str, state: str = "running", ago: float = 0, **more: Any) -> ConnectorStatus:
    return ConnectorStatus(instance=name, kind="sql_table", direction="source", state=state, since=now_ms(60), updated=now_ms(ago),
                           **more)


REFUSED = Remark(code="HaltError", problem=Text("数据库拒绝登录", "the database refuses the login"),
                 advice=Text("核对口令文件", "correct the password file"))


def kafka_view() -> KafkaView:
    return KafkaView(
        PLAN, (worker(1), worker(2, ago=300)), (instance("health.people"), instance("police.people", "sink")),
        (connector("health.people", "halted", rows=812, rss=90_000_000, rejected=3, remarks=(REFUSED,)),),
        (Behind("clean.health", 2, 0, 0.0, "workers"), Behind("raw.health", 2, 4321, 66.0, "offsets", True)),
    )  # fmt: skip


def books(state: str = "balanced") -> Books:
    counts = {"balanced": 20, "open": 0, "partial": 0, "imbalanced": 0} | {state: 24}
    return Books(first="2026-01-01", last="2026-01-01", settled=state == "balanced", balanced=state != "imbalanced", states=counts,
                 integrity=Integrity(tallies=9, different=9, doubled=0), datasets=(), raw=(), subscriptions=())


def figure(flawed: int, of: int, week: float | None = None) -> Figure:
    """Seven days as in the week before, and this one."""
    share = 1 - flawed / of if of else None
    return Figure(share=share, flawed=flawed, of=of, before=week, week=week, history=(*[week] * 7, share))


QUALITY = QualityRow(provider="health", dataset=DATASET.id, day="2026-01-01", records=54300, completeness=figure(0, 54300, 1.0),
                     validity=figure(1629, 54300, 0.99), consistency=figure(0, 54300), timeliness=figure(0, 0))
FOUND = (FindingRow(provider="health", dataset=DATASET.id, field="phone", reason="phone", records=1500),
         FindingRow(provider="health", dataset=DATASET.id, field="", reason="key_mismatch", records=129))


def ledger_view() -> LedgerView:
    day, now = today().isoformat(), time.time()
    rows = [VolumeRow(stage=stage, dataset=DATASET.id, records=records, fixed=fixed)
            for stage, records, fixed in (("arrived", 54321, 0), ("cleaned", 54000, 77), ("delivered", 108642, 0), ("quarantined", 321, 0))]
    minute = int(now) // 60 * 60
    window = Window(records=987, at=iso(now - 60), dataset=DATASET.id)
    return LedgerView(
        volume=Volume(first=day, last=day, rows=tuple(rows), exchange=108642, exchange_live=100000),
        recorder=RecorderState(recorder=DutyState(state="running"), auditor=DutyState(state="running"), recorded={0: 555},
                               settled={0: 555}, behind=2, raw_behind=0, raw_in_flight=0, quiet=True),
        minutes=tuple(Minute(at=iso(minute - 60 * ago), arrived=50, cleaned=49, quarantined=1, exchange=98) for ago in range(59, -1, -1)),
        peak=Peak(name="", second=window, minute=window, hour=window, day=window), books=books(),
        latency=(LatencyRow(stage="delivered", records=10, p50=120, p99=480),), last_arrival={DATASET.id: now - 10},
        quality=(QUALITY,), findings=FOUND,
    )  # fmt: skip


def quarantine_view() -> QuarantineView:
    return QuarantineView(321, True, ((DATASET.id, 321),), ((DATASET.id, "key_mismatch", 300), (DATASET.id, "undecodable", 21)))


class Serving:
    """A board that the test fills, and the real server over it."""

    def __init__(self, port: int | None = None) -> None:
        self._home = TemporaryDirectory(prefix="serve-")
        self.settings = ServeSettings(serve_address=f"127.0.0.1:{port or draw_port()}", ledger_address="127.0.0.1:1",
                                      kafka_user="serve", kafka_password="unused", serve_refresh_seconds=0.2, home=self._home.name)
        self.board = Board(self.settings)
        self.url = f"http://{self.settings.serve_address}"
        self.http = httpx.Client(base_url=self.url, timeout=10, trust_env=False, verify=False)
        self._server: uvicorn.Server | None = None

    def fill(self, kafka: KafkaView | None = None, ledger: LedgerView | None = None) -> None:
        """All three are there, with the usual figures or these."""
        self.board.kafka.show(kafka or kafka_view())
        self.board.ledger.show(ledger or ledger_view())
        self.board.quarantine.show(quarantine_view())
        self.push()

    def volume(self, exchange: int) -> None:
        """The ledger has this headline now."""
        view = ledger_view()
        assert view.volume is not None
        self.board.ledger.show(replace(view, volume=view.volume.model_copy(update={"exchange": exchange})))
        self.push()

    def push(self) -> None:
        self.board.feed.publish(self.board.snapshot.for_page())

    def start(self) -> None:
        self._server = serving(self.settings, self.board)

    def stop(self) -> None:
        self.board.feed.close()
        self.http.close()
        if self._server is not None:
            stop(self._server)
        self._home.cleanup()

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.http.get(path, **more)


_threads: dict[int, threading.Thread] = {}


def serving(settings: ServeSettings, board: Board) -> uvicorn.Server:
    """The server over a board, answering."""
    server = make_server(settings, board)
    thread = _threads[id(server)] = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    return server


def stop(server: uvicorn.Server) -> None:
    server.should_exit = True
    _threads.pop(id(server)).join(10)


@pytest.fixture
def page() -> Iterator[Serving]:
    made = Serving()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def standing() -> Iterator[Serving]:
    """One that is filled and left as it is, for tests that only ask."""
    made = Serving()
    made.fill()
    made.start()
    yield made
    made.stop()


@contextmanager
def running(settings: ServeSettings) -> Iterator[Board]:
    """All of serve, threads and server, in this process."""
    board = Board(settings)
    board.kafka.offsets_every, board.ledger.pace, board.quarantine.beginnings_every = 0.5, (0.5, 0.5), 0.5
    board.start()
    server = serving(settings, board)
    try:
        yield board
    finally:
        board.feed.close()
        stop(server)
        board.stop()


def eventually(holds: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until it holds; what it gave."""
    deadline = time.monotonic() + seconds
    while not (answer := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true within {seconds} s: {answer!r}")
        time.sleep(0.05)
    return answer
