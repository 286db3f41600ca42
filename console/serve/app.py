"""The routes of serve: health, readiness, metrics, the page with its snapshot and stream, all of which only read; and, for
roles with their passwords, the schema registry, apply, and words of lanes.

Nothing is loaded from elsewhere, nothing inline runs, nobody may frame or guess: the headers say so on every answer.
"""

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.apply_form import APPLY, LANES
from console.serve.applying import Applying
from console.serve.board import Board
from console.serve.controlling import Controlled
from console.serve.lane_words import LaneWords
from console.serve.metrics import exposition
from console.serve.registry import registry_app
from console.serve.words import LANGUAGES, words
from schemas.text import language

__all__ = ["build_app"]

_HERE = Path(str(files("console.serve")))

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                               "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_HEADER_BYTES = tuple((name.lower().encode(), value.encode()) for name, value in _HEADERS.items())

#: Milliseconds after which a browser asks for the stream again.
_RETRY = 2000


def build_app(board: Board, hosts: tuple[str, ...]) -> Starlette:
    """The application over a board that somebody else starts and stops."""
    pages = _Pages(board)
    routes = [
        Route("/", pages.page),
        Route("/healthz", pages.healthz),
        Route("/readyz", pages.readyz),
        Route("/metrics", pages.metrics),
        Route("/snapshot", pages.snapshot),
        Route("/events", pages.events),
        Route(APPLY, Controlled(board, "apply", Applying(board).work).post, methods=["POST"]),
        Route(LANES, Controlled(board, "lanes", LaneWords(board).work).post, methods=["POST"]),
        Mount("/registry", registry_app(board), name="registry"),
        Mount("/static", StaticFiles(directory=_HERE / "static"), name="static"),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Headers), Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))])


class _Pages:
    def __init__(self, board: Board) -> None:
        self._board = board
        templates = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
                                trim_blocks=True, lstrip_blocks=True)  # fmt: skip
        page = templates.get_template("overview.html")
        self._html = {name: page.render(lang=name, words=words(name)) for name in LANGUAGES}

    async def page(self, request: Request) -> Response:
        """The operators' page. `?lang=` chooses the language, else the browser's wish, else that of the process."""
        return HTMLResponse(self._html[_language(request)])

    async def healthz(self, request: Request) -> Response:
        """The process lives."""
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        """200 when Kafka answers and the plan was read; else 503 with why and what to do."""
        reasons = [{"problem": {"zh": problem.zh, "en": problem.en}, "advice": {"zh": advice.zh, "en": advice.en}}
                   for problem, advice in self._board.reasons()]  # fmt: skip
        return JSONResponse({"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200)

    async def metrics(self, request: Request) -> Response:
        """For Prometheus."""
        text = exposition(self._board.snapshot, self._board.process.memory_info().rss)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def snapshot(self, request: Request) -> Response:
        """What the page shows, as JSON."""
        return Response(self._board.snapshot.for_page(), media_type="application/json")

    async def events(self, request: Request) -> Response:
        """The snapshots as server-sent events, for as long as the page is open."""
        if self._board.feed.full:
            return JSONResponse({"problem": {"zh": "同时打开的页面太多", "en": "too many pages are open at once"}}, status_code=503)
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def _stream(self) -> AsyncIterator[bytes]:
        yield b"retry: %d\n\n" % _RETRY
        async for data in self._board.feed.follow():
            yield b"data: " + data + b"\n\n"


def _language(request: Request) -> str:
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return asked
    for wish in request.headers.get("accept-language", "").split(","):
        if wish.strip()[:2].lower() in LANGUAGES:
            return wish.strip()[:2].lower()
    return language()


class _Headers:
    """Puts the headers on every answer, streams and errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                cache = b"no-cache" if scope["path"].startswith("/static/") else b"no-store"
                message["headers"] = [*message["headers"], *_HEADER_BYTES, (b"cache-control", cache)]
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)
