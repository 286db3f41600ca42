"""What lies in quarantine, counted by dataset and reason. Of a letter only its dataset and reason codes are kept."""

import time
from collections import Counter
from dataclasses import dataclass

from console.serve.kafka_watch import KafkaView
from console.serve.watching import Watcher
from schemas.codec import decode_letter
from schemas.control import Plan
from schemas.errors import RejectError
from wire.cluster import Cluster
from wire.reading import LaneReader, Place, Record
from wire.settings import KafkaSettings

__all__ = ["QuarantineView", "QuarantineWatch"]

#: Letters looked at per partition at the start: the newest ones. `complete` says whether those were all.
NEWEST = 20_000
_LOOK = 2.0


@dataclass(frozen=True)
class QuarantineView:
    """Letters that still lie there: how many, by dataset, and by dataset and reason (a letter counts under each of its own)."""

    letters: int = 0
    complete: bool = True
    datasets: tuple[tuple[str, int], ...] = ()
    reasons: tuple[tuple[str, str, int], ...] = ()


class QuarantineWatch(Watcher[QuarantineView]):
    """Reads the quarantine lanes of the plan that `bus` has seen."""

    def __init__(self, settings: KafkaSettings, bus: Watcher[KafkaView]) -> None:
        super().__init__("quarantine")
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
        start, complete = self._start(lanes)
        lying: dict[tuple[str, bytes], tuple[str, ...]] = {}
        with LaneReader(self._settings, lanes, start) as reader:
            for batch in reader.to_end():
                _take(lying, batch)
            self.show(_counted(lying, complete))
            asked = time.monotonic()
            while not self.stopping.wait(_LOOK) and self._lanes() == lanes:
                moved = False
                while batch := reader.batch(0):
                    moved = True
                    _take(lying, batch)
                if moved or time.monotonic() - asked > 4 * _LOOK:
                    asked = time.monotonic()
                    if not moved:
                        reader.ends()  # is Kafka still there?
                    self.show(_counted(lying, complete))

    def _start(self, lanes: list[str]) -> tuple[dict[Place, int], bool]:
        cluster = Cluster(self._settings)
        places = cluster.places(lanes)
        first, ends = cluster.beginnings(places), cluster.ends(places)
        start = {place: max(first[place], ends[place] - NEWEST) for place in places}
        return start, start == first

    def _lanes(self) -> list[str]:
        plan = self._bus.view.plan if self._bus.view is not None else Plan()
        return sorted(lane for lane in plan.lanes if lane.startswith("dead."))


def _take(lying: dict[tuple[str, bytes], tuple[str, ...]], batch: list[Record]) -> None:
    for record in batch:
        place = (record.lane, record.key or b"")
        if record.value is None:
            lying.pop(place, None)
        else:
            lying[place] = _gist(record.value)


def _gist(value: bytes) -> tuple[str, ...]:
    """The dataset and the reasons of a letter."""
    try:
        letter = decode_letter(value)
    except RejectError:
        return ("", "undecodable")
    return (letter.dataset, *sorted({one.reason for one in letter.findings if one.severity == "reject"}))


def _counted(lying: dict[tuple[str, bytes], tuple[str, ...]], complete: bool) -> QuarantineView:
    alike = Counter(lying.values())
    datasets: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    for (dataset, *codes), letters in alike.items():
        datasets[dataset] += letters
        for code in codes:
            reasons[dataset, code] += letters
    return QuarantineView(
        len(lying), complete, tuple(sorted(datasets.items(), key=lambda item: (-item[1], item[0]))),
        tuple((dataset, code, letters) for (dataset, code), letters in
              sorted(reasons.items(), key=lambda item: (-item[1], item[0]))))  # fmt: skip
