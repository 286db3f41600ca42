"""The evidence beside the lanes: source tables against raw, acknowledged sends, sink tables, the ledger's own answers."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from schemas.codec import bus_schema
from schemas.control import Plan
from schemas.names import TALLIES
from trial.oracle import Record, Verdict
from trial.oracle.books import found_by, told_by
from trial.oracle.tables import SourceState
from trial.publisher import send_digest
from wire.reading import Record as OnLane
from wire.reading import read_all
from wire.settings import KafkaSettings

__all__ = ["SINKS", "SOURCES", "Evidence", "check_sinks", "check_sources", "check_tallies", "plan_as_json", "tallies_of"]

#: stream -> database and table it reads
SOURCES = {"civil.register": ("civil", "village"), "health.population": ("health", "resident")}
#: subscription -> database and table its sink fills
SINKS = {"police.health.resident": ("police", "resident"), "police.civil.village": ("police", "village")}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


#: A lane's committed records with their headers, to its end.
Lane = Callable[[str], Iterable[tuple[OnLane, Any]]]
#: The rows of a table, by database and table.
Tables = Callable[[str, str], Iterable[Mapping[str, Any]]]


class Evidence:
    """Reads lanes for the oracle, noting on the way which acknowledged sends it met. `read` counts records."""

    def __init__(self, lane: Lane, acknowledged: Counter[bytes]) -> None:
        self._lane = lane
        self.read = 0
        self._acknowledged = acknowledged
        self._met: Counter[bytes] = Counter()

    def records(self, lane: str) -> Iterator[Record]:
        """Every record of a lane, committed, to its end."""
        watched = self._acknowledged if lane.startswith("raw.") else None
        for record, headers in self._lane(lane):
            self.read += 1
            if watched is not None:
                digest = send_digest(record.key, record.value)
                if digest in watched:
                    self._met[digest] += 1
            yield Record(*record, headers)

    def check_sends(self, verdict: Verdict) -> None:
        """Each acknowledged send is on raw once."""
        for digest, count in self._acknowledged.items():
            if self._met[digest] != count:
                kind = "lost" if self._met[digest] < count else "duplicated"
                verdict.problems.add(kind, "an acknowledged send on raw", abs(self._met[digest] - count))


def tallies_of(settings: KafkaSettings) -> Iterator[Record]:
    """The lane of the tallies, to its end."""
    return (Record(*record) for record in read_all(settings, [TALLIES]))


def check_tallies(records: Iterable[Record], verdict: Verdict) -> None:
    """The tallies of the bus, as they stand on their lane, are the oracle's own count: to the second, division and byte, and
    to every reason that was found."""
    schema, told = json.loads(bus_schema("tallies")), list(records)
    verdict.books.compare(told_by(schema, told), verdict.problems, "second")
    verdict.books.compare_findings(found_by(schema, told), verdict.problems, "second")


def check_sources(tables: Tables, plan: Plan, verdict: Verdict) -> None:
    """The rows of each source table are the last state of its stream on raw."""
    for stream, (database, table) in SOURCES.items():
        dataset = next(item for item in plan.datasets.values() if item.provider == database)
        state = verdict.sources.get(stream, SourceState())
        state.compare(f"{database}.{table}", _keyed(tables(database, table), dataset.id, dataset.key),
                      verdict.problems)


def check_sinks(tables: Tables, verdict: Verdict) -> None:
    """The rows of each sink's table are what its subscription's deliveries come to."""
    for subscription, (database, table) in SINKS.items():
        verdict.tables[subscription].compare(tables(database, table), _plain, verdict.problems)


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """The control objects as the oracle wants them: plain JSON values."""
    objects = {name: [item.model_dump(mode="json") for item in getattr(plan, name).values()]
               for name in ("nodes", "departments", "datasets", "schemas", "subscriptions")}
    return {**objects, "version": plan.version, "lanes": {lane: state.model_dump(mode="json") for lane, state in plan.lanes.items()}}


def _keyed(rows: Iterable[Mapping[str, Any]], dataset: str, key: tuple[str, ...]) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Kafka key and row as the connector must have sent them: key fields canonical, times in milliseconds."""
    for row in rows:
        plain = {name: _plain(name, value) for name, value in row.items()}
        for name in key:
            plain[name] = plain[name].upper()
        yield f"{dataset}/{plain[key[0]]}".encode(), plain


def _plain(name: str, value: Any) -> Any:
    """A column's value as Avro has it on the wire."""
    return (value - _EPOCH) // dt.timedelta(milliseconds=1) if isinstance(value, dt.datetime) else value
