"""A probe: one more reader of an inbox, under a name of its own, that notes how long a published record took to get there."""

import random
import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

from wire.reading import LaneReader
from wire.settings import KafkaSettings

__all__ = ["Probe", "Sample", "Samples", "quantile"]

#: Enough to know the 99th percentile well.
_MOST = 200_000


class Sample(NamedTuple):
    """A record that came: when it arrived on raw, and how long it took from there, in milliseconds."""

    arrived: int
    latency: int


class Samples:
    """So many of all records ever seen, each as likely as any other to be among them (a reservoir)."""

    def __init__(self, most: int = _MOST) -> None:
        self.kept: list[Sample] = []
        self._most, self._seen = most, 0
        self._random = random.Random(1)

    def add(self, values: Iterable[Sample]) -> None:
        """See more of them."""
        for value in values:
            self._seen += 1
            if len(self.kept) < self._most:
                self.kept.append(value)
            elif (place := int(self._random.random() * self._seen)) < self._most:
                self.kept[place] = value


class Probe:
    """Reads one lane from its end on, in a thread. A latency runs from the record's arrival on raw to this reader."""

    def __init__(self, settings: KafkaSettings, lane: str) -> None:
        self._reader = LaneReader(settings, [lane], "end", client_id="shutong.probe")
        self._since = 1 << 62
        self._stop = threading.Event()
        self._samples = Samples()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)
        self._thread.start()

    def measure(self) -> None:
        """Count what arrives on raw from now on."""
        self._since = int(time.time() * 1000)

    def latencies(self, before: int = 1 << 62) -> list[int]:
        """Milliseconds of the records seen so far, or of very many of them, sorted: those that arrived before that moment (ms)."""
        return sorted(sample.latency for sample in self._samples.kept if sample.arrived < before)

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        with self._reader as reader:
            while not self._stop.is_set():
                batch = reader.batch(0.2)
                now = int(time.time() * 1000)
                self._samples.add(Sample(record.timestamp, now - record.timestamp) for record in batch
                                  if record.timestamp >= self._since)


def quantile(sorted_values: list[int], share: float) -> int:
    """The value below which `share` of the sorted values lie; 0 without any."""
    if not sorted_values:
        return 0
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]
