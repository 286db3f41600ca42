"""The independent count: what each stage must have counted, by arrival second, and its comparison with the ledger."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any, Literal, NamedTuple

import fastavro

from trial.oracle.avro import plain
from trial.oracle.clean import Fate
from trial.oracle.plan import Subscription
from trial.oracle.quality import Figures, Found, Quality
from trial.oracle.records import Problems, Record

__all__ = ["Books", "Told", "Width", "found_by", "told_by"]

Width = Literal["second", "minute", "day"]


class Told(NamedTuple):
    """A sum that the bus tells, of the Shanghai day, minute or second `at`. Whoever cannot tell a division leaves it out."""

    at: str
    stage: str
    cause: str
    provider: str
    dataset: str
    subscriber: str
    records: int
    bytes: int = 0
    fixed: int = 0
    division: str = ""


_SHANGHAI = dt.timezone(dt.timedelta(hours=8))
_SUMS = ("records", "bytes", "fixed")
#: second, stage, cause, provider, dataset, subscriber, division
_Key = tuple[int, str, str, str, str, str, str]


class Books:
    """Counts records, bytes and repaired records of everything that the bus must have counted."""

    def __init__(self) -> None:
        self._counts: dict[_Key, list[int]] = {}
        self._quality = Quality()

    def fate(self, fate: Fate) -> None:
        """One raw value: arrived, and its one fate."""
        for stage, fixed in (("arrived", False), (fate.kind, fate.fixed)):
            self._add((fate.timestamp // 1000, stage, fate.cause, fate.provider, fate.dataset, "", fate.division),
                      fate.size, fixed)
        self._quality.add(fate.timestamp // 1000, fate.cause, fate.provider, fate.dataset, fate.kind, fate.flaws)

    def delivered(self, contract: Subscription, fate: Fate, size: int) -> None:
        """One cleaned record that a subscription is given, in so many bytes."""
        self._route("returned_up" if contract.node else "delivered", contract, fate, size, fate.division)

    def refused(self, contract: Subscription, fate: Fate) -> None:
        """One for which its inbox has no room."""
        self._route("quarantined", contract, fate, 0, fate.division)

    def held_back(self, contract: Subscription, fate: Fate) -> None:
        """One that its scope does not let through."""
        self._route("held_back", contract, fate, 0, "")

    def merge(self, other: "Books") -> None:
        """Add what another counted of other stages."""
        for key, counts in other._counts.items():
            self._counts[key] = [sum(pair) for pair in zip(counts, self._counts.get(key, (0, 0, 0)), strict=True)]
        self._quality.merge(other._quality)

    def total(self, stage: str) -> int:
        """Records of one stage of clean, or of all subscribers."""
        return sum(self.by_subscriber(stage).values())

    @property
    def fixed(self) -> int:
        """Records that were repaired."""
        return sum(counts[2] for counts in self._counts.values())

    def by_subscriber(self, stage: str) -> dict[str, int]:
        """Records of one stage per subscriber; under the empty one, what clean counted."""
        sums: Counter[str] = Counter()
        for key, counts in self._counts.items():
            if key[1] == stage:
                sums[key[5]] += counts[0]
        return dict(sorted(sums.items()))

    def peak(self, seconds: int) -> int:
        """The headline peak: most exchanges that arrived in one aligned window, snapshots and re-sends left out."""
        sums: Counter[int] = Counter()
        for key, counts in self._counts.items():
            if key[1] in ("delivered", "returned_up") and key[2] == "live":
                sums[key[0] // seconds] += counts[0]
        return max(sums.values(), default=0)

    def compare(self, told: Iterable[Told], problems: Problems, width: Width) -> None:
        """Note every sum of which the bus says something else: by second with divisions and bytes, by minute records alone,
        by day with bytes. `sent` is in no book."""
        sums = 1 if width == "minute" else 3
        left: dict[tuple[str, ...], list[int]] = {}
        for (second, *names), counts in self._counts.items():
            _subtract(left, (_moment(second, width), *names[:5], names[5] if width == "second" else ""), counts, -1)
        for row in told:
            if row.stage != "sent":
                _subtract(left, (*row[:6], row.division), row[6:9], 1)
        for key, differences in left.items():
            wrong = [f"{what} by {by}" for what, by in zip(_SUMS[:sums], differences, strict=False) if by]
            if wrong:
                problems.add("ledger", f"{' '.join(filter(None, key))} differs: {', '.join(wrong)}")

    def compare_findings(self, told: Iterable[Found], problems: Problems, width: Width) -> None:
        """Note every count of findings of which the bus says something else: by second all of them, by day the reasons (there
        the records under each dimension are asked for as figures)."""
        left: Counter[tuple[str, ...]] = Counter()
        for (second, *names, reason, severity), records in self._quality.found.items():
            if reason or width == "second":
                left[(_moment(second, width), *names, reason, severity)] -= records
        for row in told:
            left[row[:-1]] += row.records
        for key, difference in left.items():
            if difference:
                problems.add("ledger", f"found {' '.join(filter(None, key))} differs: by {difference}")

    def figures(self) -> Figures:
        """Each dataset's share of records without a finding, by day and dimension, and the counts it comes from."""
        return self._quality.figures(lambda second: _moment(second, "day"))

    def _route(self, stage: str, contract: Subscription, fate: Fate, size: int, division: str) -> None:
        self._add((fate.timestamp // 1000, stage, fate.cause, fate.provider, contract.dataset, contract.subscriber, division),
                  size, False)

    def _add(self, key: _Key, size: int, fixed: bool) -> None:
        counts = self._counts.get(key)
        if counts is None:
            self._counts[key] = [1, size, int(fixed)]
        else:
            counts[0] += 1
            counts[1] += size
            counts[2] += fixed


def told_by(schema: Any, records: Iterable[Record]) -> Iterator[Told]:
    """What the bus's own tallies tell, row by row, each of one second."""
    shape = fastavro.parse_schema(plain(schema))
    for record in records:
        told: Any = fastavro.schemaless_reader(BytesIO(record.value or b""), shape, None)
        for row in told["rows"]:
            yield Told(_moment(row["at"], "second"), row["stage"], row["cause"], row["dept"], row["dataset"], row["subscriber"],
                       row["records"], row["bytes"], row["fixed"], row["division"])


def found_by(schema: Any, records: Iterable[Record]) -> Iterator[Found]:
    """What the bus's own tallies tell of findings, each of one second."""
    shape = fastavro.parse_schema(plain(schema))
    for record in records:
        told: Any = fastavro.schemaless_reader(BytesIO(record.value or b""), shape, None)
        for row in told["findings"]:
            yield Found(_moment(row["at"], "second"), row["cause"], row["dept"], row["dataset"], row["dimension"], row["field"],
                        row["reason"], row["severity"], row["records"])


def _subtract(left: dict[tuple[str, ...], list[int]], key: tuple[str, ...], counts: Iterable[int], sign: int) -> None:
    """Add counts, or take them away."""
    left[key] = [there + sign * count for there, count in zip(left.get(key, (0, 0, 0)), counts, strict=True)]


def _moment(second: int, width: Width) -> str:
    """The second, minute or day of Shanghai it lies in."""
    if width == "second":
        return str(second)
    moment = dt.datetime.fromtimestamp(second, _SHANGHAI)
    return moment.date().isoformat() if width == "day" else moment.strftime("%Y-%m-%dT%H:%M")
