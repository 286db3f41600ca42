"""Stage counts as they are committed, straight from `bus.tallies`: for the live view, and to know when a phase is over."""

import threading
from collections import Counter
from collections.abc import Mapping

from schemas.codec import decode_tallies
from schemas.names import TALLIES
from wire.reading import LaneReader
from wire.settings import KafkaSettings

__all__ = ["TallyWatch"]


class TallyWatch:
    """Adds up tallies in a thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._reader = LaneReader(settings, [TALLIES], client_id="shutong.trial")
        self._counts: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tally-watch", daemon=True)
        self._thread.start()

    def counts(self) -> Mapping[str, int]:
        """Records per stage so far."""
        return dict(self._counts)

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        with self._reader as reader:
            while not self._stop.is_set():
                for record in reader.batch(0.3):
                    for tally in decode_tallies(record.value or b"")[2]:
                        self._counts[tally.key.stage] += tally.records
