"""What the ledger says of today: volume, peaks, the last hour, books, latency, quality, and when each dataset last got something."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from console.serve.watching import Watcher
from ledger.client import Books, FindingRow, LatencyRow, LedgerClient, Minute, Peak, QualityRow, RecorderState, Volume
from ledger.shanghai import SHANGHAI, today

__all__ = ["LedgerView", "LedgerWatch"]

#: Every how many looks the heavier questions are asked.
_PEAKS, _QUALITY, _BOOKS, _ARRIVALS = 2, 3, 5, 15
#: Days back in which a dataset's last arrival is looked for: a yearly one must be found.
_YEAR = timedelta(days=400)


@dataclass(frozen=True)
class LedgerView:
    """The ledger's figures at one moment. A part is None until it was answered once."""

    volume: Volume | None = None
    recorder: RecorderState | None = None
    minutes: tuple[Minute, ...] = ()
    peak: Peak | None = None
    books: Books | None = None
    latency: tuple[LatencyRow, ...] = ()
    quality: tuple[QualityRow, ...] = ()
    #: of today, by provider, dataset, field and reason
    findings: tuple[FindingRow, ...] = ()
    #: dataset -> seconds since 1970 until when its last arrival may have been; known to the minute, older ones to the day.
    last_arrival: dict[str, float] = field(default_factory=dict)


class LedgerWatch(Watcher[LedgerView]):
    """Asks again and again, slower while nobody looks."""

    def __init__(self, url: str, watched: Callable[[], bool]) -> None:
        super().__init__("ledger")
        #: Seconds between two looks, while somebody watches the page and while nobody does.
        self.pace = (2.0, 6.0)
        self._url = url
        self._watched = watched

    def watch(self) -> None:
        """Until told to stop. RetryError: the ledger is away or not ready; what was known stays, and its age shows."""
        with LedgerClient(self._url, timeout=8) as client:
            view, look = LedgerView(), 0
            while not self.stopping.is_set():
                view = _asked(client, view, look)
                self.show(view)
                look += 1
                self._pause()

    def _pause(self) -> None:
        """Wait for the next look; whoever opens the page shortens the wait."""
        began = time.monotonic()
        while time.monotonic() - began < self.pace[0 if self._watched() else 1]:
            if self.stopping.wait(min(1.0, *self.pace)):
                return


def _asked(client: LedgerClient, before: LedgerView, look: int) -> LedgerView:
    view = replace(before, volume=client.volume(by=("stage", "dataset")), recorder=client.recorder(), minutes=client.minutes(60))
    if look % _PEAKS == 0:
        view = replace(view, peak=client.peaks().top, latency=client.latency(by=("stage",), cause="live").rows)
    if look % _QUALITY == 0:
        view = replace(view, quality=client.quality().rows, findings=client.findings(by=("provider", "dataset", "field", "reason")).rows)
    if look % _BOOKS == 0:
        view = replace(view, books=client.books(whole=False))
    if look % _ARRIVALS == 0 or _first_arrivals(view):
        view = replace(view, last_arrival=_arrivals(client))
    return view


def _first_arrivals(view: LedgerView) -> bool:
    """Whether today's volume names a dataset that was thought never to have given anything."""
    rows = view.volume.rows if view.volume is not None else ()
    return any(row.stage == "arrived" and row.dataset and row.dataset not in view.last_arrival for row in rows)


def _arrivals(client: LedgerClient) -> dict[str, float]:
    now = today()
    days = client.volume(now - _YEAR, now, by=("dataset", "day"), stage="arrived").rows
    minutes = client.volume(now - timedelta(days=1), now, by=("dataset", "minute"), stage="arrived").rows
    found: dict[str, float] = {}
    for row in days:
        end = datetime.fromisoformat(row.day).replace(tzinfo=SHANGHAI) + timedelta(days=1)
        found[row.dataset] = max(found.get(row.dataset, 0.0), end.timestamp())
    exact: dict[str, float] = {}
    for row in minutes:
        exact[row.dataset] = max(exact.get(row.dataset, 0.0), datetime.fromisoformat(row.minute).timestamp() + 60)
    return found | exact
