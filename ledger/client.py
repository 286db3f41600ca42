"""`LedgerClient`: the ledger's questions over HTTP, for console and trial; nothing else of this room is for them.

Days are Shanghai's, both ends included; none given means today. A ledger that is away is a RetryError that says what to
do, a question it refuses a RejectError with its reason. Thread-safe; close it, or use `with`.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from ledger.answers import (
    Answer,
    Balance,
    Books,
    DatasetBook,
    DutyState,
    Figure,
    FindingRow,
    Findings,
    Integrity,
    Latencies,
    LatencyRow,
    Minute,
    Peak,
    Peaks,
    Quality,
    QualityRow,
    RawBook,
    RecorderState,
    SubscriptionBook,
    Volume,
    VolumeRow,
    Window,
)
from schemas.errors import RejectError, RetryError
from schemas.text import Text

__all__ = ["Balance", "Books", "DatasetBook", "DutyState", "Figure", "FindingRow", "Findings", "Integrity", "Latencies", "LatencyRow",
           "LedgerClient", "Minute", "Peak", "Peaks", "Quality", "QualityRow", "RawBook", "RecorderState", "SubscriptionBook", "Volume",
           "VolumeRow", "Window"]

T = TypeVar("T", bound=Answer)
Day = date | str | None


class LedgerClient:
    """Asks the ledger process at `host:port` (or a URL)."""

    def __init__(self, address: str, timeout: float = 10.0) -> None:
        self._address = address
        url = address if "://" in address else f"http://{address}"
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def volume(self, first: Day = None, last: Day = None, *, by: Sequence[str] = ("stage",), stage: str = "", cause: str = "",
               provider: str = "", dataset: str = "", subscriber: str = "") -> Volume:
        """Records, bytes and repaired records by any of stage, cause, provider, dataset, subscriber, day, hour, minute.

        `stage` is one of schemas.tally.STAGES or `exchange`. What was quarantined for a subscriber is shown with that
        subscriber, and in no sum over all of them. By minute at most two days; by hour or minute bytes and
        repaired records are 0.
        """
        asked = {"by": ",".join(by), "stage": stage, "cause": cause, "provider": provider, "dataset": dataset,
                 "subscriber": subscriber}
        return self._ask(Volume, "/volume", _days(first, last) | asked)

    def peaks(self, first: Day = None, last: Day = None, *, stage: str = "exchange", scope: str = "all", name: str = "") -> Peaks:
        """The largest second, minute, hour and day. `scope`: all, dataset, subscriber; `name`: only that one."""
        return self._ask(Peaks, "/peaks", _days(first, last) | {"stage": stage, "scope": scope, "name": name})

    def books(self, first: Day = None, last: Day = None, *, whole: bool = True) -> Books:
        """The three books by hour, and the integrity of the table. Without `whole` balanced rows are only counted."""
        return self._ask(Books, "/books", _days(first, last) | {"rows": "all" if whole else "unbalanced"})

    def latency(self, first: Day = None, last: Day = None, *, by: Sequence[str] = ("stage",), stage: str = "", cause: str = "",
                provider: str = "", dataset: str = "", subscriber: str = "") -> Latencies:
        """Quantiles of handled - arrived by any of stage, cause, provider, dataset, subscriber, day."""
        asked = {"by": ",".join(by), "stage": stage, "cause": cause, "provider": provider, "dataset": dataset,
                 "subscriber": subscriber}
        return self._ask(Latencies, "/latency", _days(first, last) | asked)

    def quality(self, first: Day = None, last: Day = None, *, provider: str = "", dataset: str = "") -> Quality:
        """The four figures of each dataset and day, with their counts and trend. 100 days at most."""
        return self._ask(Quality, "/quality", _days(first, last) | {"provider": provider, "dataset": dataset})

    def findings(self, first: Day = None, last: Day = None, *, by: Sequence[str] = ("dataset", "field", "reason"), cause: str = "",
                 provider: str = "", dataset: str = "") -> Findings:
        """What was found, by any of provider, dataset, day, cause, dimension, field, reason, severity. A record counts under
        each of its reasons, so rows are not added up."""
        asked = {"by": ",".join(by), "cause": cause, "provider": provider, "dataset": dataset}
        return self._ask(Findings, "/findings", _days(first, last) | asked)

    def minutes(self, minutes: int = 60) -> tuple[Minute, ...]:
        """Live records of each of the last minutes, oldest first, empty ones too."""
        return tuple(Minute.model_validate(row) for row in self._json("/minutes", {"minutes": str(minutes)})["rows"])

    def recorder(self) -> RecorderState:
        """How far recorder and auditor are."""
        return self._ask(RecorderState, "/recorder", {})

    def settled_up_to(self, ends: Mapping[int, int]) -> bool:
        """Whether everything below `ends` (partition of bus.tallies -> offset) is in every table."""
        settled = self.recorder().settled
        return all(settled.get(partition, 0) >= end for partition, end in ends.items())

    def is_ready(self) -> bool:
        """Whether it answers and its duties run."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def wait_until_ready(self, patience: float = 30.0) -> None:
        """Return when it is ready; a RetryError after `patience` seconds."""
        deadline = time.monotonic() + patience
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise self._away("not ready")
            time.sleep(0.1)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ask(self, kind: type[T], path: str, parameters: Mapping[str, str]) -> T:
        return kind.model_validate(self._json(path, parameters))

    def _json(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = self._http.get(path, params={name: word for name, word in parameters.items() if word})
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._away(type(error).__name__) from None
        if answer.status_code == httpx.codes.OK and isinstance(found, dict):
            return found
        problem, advice = _texts(found)
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise RejectError("bad_question", problem, advice=advice)
        raise RetryError(problem, advice=advice)

    def _away(self, why: str) -> RetryError:
        return RetryError(
            Text(f"账本 {self._address} 没有应答（{why}）", f"the ledger at {self._address} does not answer ({why})"),
            advice=Text("检查 shutong ledger 是否在运行，地址是否与 SHUTONG_LEDGER_ADDRESS 一致；"
                        "刚启动时稍等几秒，否则查看 logs/ledger.log",
                        "check that shutong ledger runs, at the address in SHUTONG_LEDGER_ADDRESS; "
                        "wait some seconds after a start, else read logs/ledger.log"),
        )  # fmt: skip


def _days(first: Day, last: Day) -> dict[str, str]:
    """One day given alone is both."""
    ends = {"from": first or last, "to": last or first}
    return {name: _iso(day) for name, day in ends.items() if day}


def _iso(day: date | str) -> str:
    if isinstance(day, datetime):
        day = day.date()
    return day if isinstance(day, str) else day.isoformat()


def _texts(found: Any) -> tuple[Text, Text]:
    words = found.get("error", {}) if isinstance(found, dict) else {}
    return (Text(words.get("problem_zh", "账本无法回答"), words.get("problem_en", "the ledger cannot answer")),
            Text(words.get("advice_zh", "稍后重试，并查看 logs/ledger.log"),
                 words.get("advice_en", "try again later, and read logs/ledger.log")))  # fmt: skip
