"""What lies open in quarantine, counted by dataset and reason. Of a letter only its dataset and reason codes are kept."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from console.serve.kafka_watch import KafkaView
from console.serve.watching import Watcher
from schemas.codec import decode_letter
from schemas.control import Plan
from schemas.errors import RejectError
from wire.cluster import Cluster
from wire.reading import LaneReader, Place, Record
from wire.settings import KafkaSettings

__all__ = ["Lying", "QuarantineView", "QuarantineWatch"]

#: Letters known per partition: the newest ones. `complete` says whether those are all.
NEWEST = 20_000
_LOOK = 2.0

Gist = tuple[str, ...]
"""The dataset and the reasons of a letter."""


@dataclass(frozen=True)
class QuarantineView:
    """Letters that still lie there: how many, by dataset, and by dataset and reason (a letter counts under each of its own)."""

    letters: int = 0
    complete: bool = True
    datasets: tuple[tuple[str, int], ...] = ()
    reasons: tuple[tuple[str, str, int], ...] = ()


class Lying:
    """The newest letters of each partition that still lie there, in the order of their offsets. One owner thread."""

    def __init__(self, start: Mapping[Place, int], most: int = NEWEST) -> None:
        self._most = most
        self._letters: dict[Place, dict[bytes, tuple[int, Gist]]] = {place: {} for place in start}
        #: Of what lies below we know nothing.
        self._known_from = dict(start)
        self._first: dict[Place, int] = {}
        self._gists: dict[Gist, Gist] = {}

    @property
    def complete(self) -> bool:
        """Whether these are all that Kafka still has."""
        return all(self._first.get(place, 0) >= known for place, known in self._known_from.items())

    def take(self, batch: Iterable[Record]) -> None:
        """Letters that came, or were settled."""
        for record in batch:
            place, key = (record.lane, record.partition), record.key or b""
            letters = self._letters[place]
            letters.pop(key, None)
            gist = _gist(record.value) if record.value is not None else None
            if gist is None:
                continue
            letters[key] = (record.offset, self._gists.setdefault(gist, gist))  # alike ones share one
            if len(letters) > self._most:
                dropped, _ = letters.pop(next(iter(letters)))
                self._known_from[place] = dropped + 1

    def forget(self, first: Mapping[Place, int]) -> None:
        """What lies below these offsets Kafka has deleted: its retention is over."""
        self._first |= first
        for place, letters in self._letters.items():
            gone = []
            for key, (offset, _) in letters.items():
                if offset >= first[place]:
                    break
                gone.append(key)
            for key in gone:
                del letters[key]

    def counted(self) -> QuarantineView:
        """How many lie there, by dataset and by reason."""
        alike = Counter(gist for letters in self._letters.values() for _, gist in letters.values())
        datasets: Counter[str] = Counter()
        reasons: Counter[tuple[str, str]] = Counter()
        for (dataset, *codes), letters in alike.items():
            datasets[dataset] += letters
            for code in codes:
                reasons[dataset, code] += letters
        return QuarantineView(
            alike.total(), self.complete, tuple(sorted(datasets.items(), key=lambda item: (-item[1], item[0]))),
            tuple((dataset, code, letters) for (dataset, code), letters in
                  sorted(reasons.items(), key=lambda item: (-item[1], item[0]))))  # fmt: skip


class QuarantineWatch(Watcher[QuarantineView]):
    """Reads the quarantine lanes of the plan that `bus` has seen."""

    def __init__(self, settings: KafkaSettings, bus: Watcher[KafkaView]) -> None:
        super().__init__("quarantine")
        #: Seconds between two questions for what Kafka has deleted.
        self.beginnings_every = 8.0
        self._settings = settings
        self._bus = bus

    def watch(self) -> None:
        """Until told to stop; begins anew when the plan has other lanes."""
        while not self.stopping.is_set():
            lanes = self._lanes()
            if lanes:
                self._follow(lanes)
            else:
                if self._bus.view is not None:
                    self.show(QuarantineView())
                self.stopping.wait(_LOOK)

    def _follow(self, lanes: list[str]) -> None:
        cluster = Cluster(self._settings)
        places = cluster.places(lanes)
        first, ends = cluster.beginnings(places), cluster.ends(places)
        start = {place: max(first[place], ends[place] - NEWEST) for place in places}
        lying, asked = Lying(start), time.monotonic()
        lying.forget(first)
        with LaneReader(self._settings, lanes, start) as reader:
            for batch in reader.to_end():
                lying.take(batch)
            self.show(lying.counted())
            while not self.stopping.wait(_LOOK) and self._lanes() == lanes:
                moved = False
                while batch := reader.batch(0):
                    moved = True
                    lying.take(batch)
                if time.monotonic() - asked > self.beginnings_every:
                    asked, moved = time.monotonic(), True
                    lying.forget(cluster.beginnings(places))  # and so we notice that Kafka is away
                if moved:
                    self.show(lying.counted())

    def _lanes(self) -> list[str]:
        plan = self._bus.view.plan if self._bus.view is not None else Plan()
        return sorted(lane for lane in plan.lanes if lane.startswith("dead."))


def _gist(value: bytes) -> Gist | None:
    """None for a letter that is closed."""
    try:
        letter = decode_letter(value)
    except RejectError:
        return ("", "undecodable")
    if letter.closed:
        return None
    return (letter.dataset, *sorted({one.reason for one in letter.findings if one.severity == "reject"}))
