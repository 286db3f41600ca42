"""The ledger's HTTP: read-only JSON for `LedgerClient`, health and metrics. GET only; it decides nothing and changes nothing.

400: the question means nothing; 503: ClickHouse is away or the ledger is not ready. Both say why in two languages.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ledger import asking
from ledger.auditor import Auditor
from ledger.books import Horizon, books
from ledger.duty import Duty
from ledger.inflight import clean_in_flight
from ledger.metrics import exposition
from ledger.quality import FINDING_DIMENSIONS, findings, quality
from ledger.queries import Json, latency, peaks, per_minute, volume
from ledger.questions import Questions
from ledger.recorder import Recorder
from ledger.settings import LedgerSettings
from ledger.shanghai import iso
from schemas.errors import BusError, RejectError

__all__ = ["Desk", "make_app"]

_LATENCY_DIMENSIONS = ("stage", "cause", "provider", "dataset", "subscriber", "day")
#: Days of figures at once: a row for each dataset and day.
_DAYS_OF_QUALITY = 100
#: Seconds after which a look of recorder or auditor is too old to say that nothing moves.
_FRESH = 10.0


class Desk:
    """What the routes need: the duties and their status, and the questions."""

    def __init__(self, settings: LedgerSettings, recorder: Recorder, auditor: Auditor, duties: tuple[Duty, ...],
                 questions: Questions) -> None:
        self.settings, self.recorder, self.auditor, self.duties, self.questions = settings, recorder, auditor, duties, questions

    def horizon(self) -> Horizon:
        """How far the books are, now."""
        recorder, auditor = self.recorder.status, self.auditor.status
        fresh = min(recorder.looked, auditor.looked) > time.time() - _FRESH
        return Horizon(settled=self._running and fresh and recorder.settled and auditor.settled,
                       up_to=min(recorder.up_to, auditor.up_to), moved=(self.recorder.moved.hours, self.auditor.moved.hours),
                       raw_in_flight=auditor.in_flight,
                       clean_in_flight=_once(partial(clean_in_flight, self.settings, self.auditor.plan)))  # fmt: skip

    @property
    def _running(self) -> bool:
        return all(duty.status.state == "running" for duty in self.duties)

    def _duties(self) -> Json:
        """Each duty's state; what the recorder has put off is its problem, too, though it goes on."""
        states = {duty.name: _duty(duty) for duty in self.duties}
        states["recorder"]["problem"] = states["recorder"]["problem"] or self.recorder.status.problem
        return states

    def state(self) -> Json:
        """As `RecorderState`."""
        recorder, auditor, horizon = self.recorder.status, self.auditor.status, self.horizon()
        return {**self._duties(), "recorded": dict(recorder.recorded),
                "settled": dict(recorder.settled_up_to), "behind": recorder.behind, "raw_behind": auditor.behind,
                "raw_in_flight": sum(auditor.in_flight.values()), "quiet": horizon.settled,
                "up_to": iso(horizon.up_to) if horizon.up_to else ""}  # fmt: skip

    async def volume(self, request: Request) -> Json:
        words = request.query_params
        by = asking.dimensions(words)
        span, wanted = asking.volume_period(words, by), asking.chosen(words)
        return await self.questions.ask(lambda store: volume(store, span, by, wanted))

    async def peaks(self, request: Request) -> Json:
        span, of = asking.period(request.query_params), asking.peak_of(request.query_params)
        return await self.questions.ask(lambda store: peaks(store, span, *of))

    async def books(self, request: Request) -> Json:
        span, whole = asking.period(request.query_params, most=62), asking.whole(request.query_params)
        return await self.questions.ask(lambda store: books(store, span, self.horizon, whole=whole))

    async def latency(self, request: Request) -> Json:
        words = request.query_params
        span, by, wanted = asking.period(words), asking.dimensions(words, _LATENCY_DIMENSIONS), asking.chosen(words)
        return await self.questions.ask(lambda store: latency(store, span, by, wanted))

    async def quality(self, request: Request) -> Json:
        span, wanted = asking.period(request.query_params, most=_DAYS_OF_QUALITY), asking.chosen(request.query_params)
        return await self.questions.ask(lambda store: quality(store, span, wanted))

    async def findings(self, request: Request) -> Json:
        words = request.query_params
        span, by, wanted = asking.period(words), asking.dimensions(words, FINDING_DIMENSIONS, "reason"), asking.chosen(words)
        return await self.questions.ask(lambda store: findings(store, span, by, wanted))

    async def minutes(self, request: Request) -> Json:
        minutes = asking.minutes(request.query_params)
        return {"rows": await self.questions.ask(lambda store: per_minute(store, minutes, time.time()))}

    async def status(self, request: Request) -> Json:
        return self.state()

    async def alive(self, request: Request) -> Response:
        return JSONResponse({"alive": True})

    async def ready(self, request: Request) -> Response:
        """Ready: both duties work. Else their problems, with 503."""
        return JSONResponse(self._duties(), 200 if self._running else 503)

    async def metrics(self, request: Request) -> Response:
        return Response(exposition(self.recorder, self.auditor, self.duties), media_type=CONTENT_TYPE_LATEST)


def make_app(desk: Desk) -> Starlette:
    """All routes."""
    answers = {"/volume": desk.volume, "/peaks": desk.peaks, "/books": desk.books, "/latency": desk.latency,
               "/quality": desk.quality, "/findings": desk.findings, "/minutes": desk.minutes, "/recorder": desk.status}
    pages = {"/healthz": desk.alive, "/readyz": desk.ready, "/metrics": desk.metrics}
    return Starlette(routes=[Route(path, _as_json(answer), methods=["GET"]) for path, answer in answers.items()]
                     + [Route(path, page, methods=["GET"]) for path, page in pages.items()])  # fmt: skip


def _as_json(answer: Callable[[Request], Awaitable[Json]]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            return JSONResponse(await answer(request), headers={"Cache-Control": "no-store"})
        except RejectError as error:
            return _error(error, 400)
        except BusError as error:
            return _error(error, 503)

    return respond


def _error(error: BusError, status: int) -> Response:
    words = {"problem_zh": error.problem.zh, "problem_en": error.problem.en,
             "advice_zh": error.advice.zh, "advice_en": error.advice.en}  # fmt: skip
    return JSONResponse({"error": words}, status)


def _duty(duty: Duty) -> Json:
    status = duty.status
    return {"state": status.state, "problem": status.problem, "since": iso(status.since) if status.since else "",
            "failures": status.failures}  # fmt: skip


def _once(ask: Callable[[], dict[tuple[str, int], int]]) -> Callable[[], dict[tuple[str, int], int]]:
    """Ask Kafka only if somebody wants to know, and once."""
    known: list[dict[tuple[str, int], int]] = []

    def answer() -> dict[tuple[str, int], int]:
        if not known:
            known.append(ask())
        return known[0]

    return answer
