"""`POST /api/apply`: an apply by the process that keeps the control writer. What it does is told line by line as it happens.

For the control role alone. The directory comes as JSON (console/apply_form). Once begun it is carried through, whether or not
somebody still listens; one follows the other.
"""

import json
import logging
import queue
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from console.apply_form import MOST_BYTES, error_line, lines_line, result_line, told_line, unpack
from console.serve.asking import BadRequestError, in_thread, read_json
from console.serve.board import Board
from console.serve.login import NotLoggedInError
from governance.apply import apply, preview
from schemas.errors import BusError, HaltError
from schemas.text import Text

__all__ = ["Applying"]

_ROLE = "control"
#: Seconds without a word after which an empty line says that it goes on.
_BREATH = 5.0

log = logging.getLogger("shutong.serve")


class Applying:
    """The route's endpoint."""

    def __init__(self, board: Board) -> None:
        self._board = board

    async def post(self, request: Request) -> Response:
        """401 and 403 for whoever is not the control role, 409 where the sender means another bus; else 200 and the lines."""
        try:
            role = await in_thread(self._board.login.role, request.headers.get("authorization", ""))
            if role != _ROLE:
                raise BadRequestError(403, Text(f"{role} 无权执行 apply", f"{role} may not apply"),
                                      Text("由大数据局以 control 角色执行", "the bureau does, as the role control"))
            body = await read_json(request, ("application/json",), MOST_BYTES * 2)
            self._check_bus(body.get("bus"))
        except BusError as error:
            return _refused(error)
        said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        work = self._preview if body.get("dry_run") is True else self._apply
        threading.Thread(target=_carry_out, args=(work, body.get("files"), said), name="apply").start()
        return StreamingResponse(iterate_in_threadpool(_lines(said)), media_type="application/x-ndjson",
                                 headers={"X-Accel-Buffering": "no"})

    def _check_bus(self, named: object) -> None:
        """Who sends a city means the bus that his own settings name: it must be ours by the very same name."""
        ours = self._board.settings
        if named is not None and named != {"bootstrap": ours.bootstrap, "prefix": ours.prefix}:
            raise BadRequestError(409, Text("这里是另一个总线", "this is another bus"),
                                  Text("对它直接执行 apply", "apply to yours directly"))

    def _preview(self, folder: Path, say: Callable[[dict[str, Any]], None]) -> None:
        say(lines_line(preview(self._board.control_settings(), folder)))

    def _apply(self, folder: Path, say: Callable[[dict[str, Any]], None]) -> None:
        writer, settings = self._board.writer, self._board.control_settings()
        say(result_line(apply(settings, folder, self._board.settings.secrets, lambda done: say(told_line(done)),
                              turn=lambda: writer.turn(fresh=True))))


def _carry_out(work: Callable[[Path, Callable[[dict[str, Any]], None]], None], files: object,
               said: "queue.Queue[dict[str, Any] | None]") -> None:
    try:
        with tempfile.TemporaryDirectory(prefix="shutong-city-") as folder:
            unpack(files, Path(folder))
            work(Path(folder), said.put)
    except BusError as error:
        said.put(error_line(error))
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        log.error("apply: %s at %s:%d", type(error).__name__, at.filename, at.lineno)
        said.put(error_line(_unexpected(type(error).__name__)))
    finally:
        said.put(None)


def _lines(said: "queue.Queue[dict[str, Any] | None]") -> Iterator[bytes]:
    while True:
        try:
            line = said.get(timeout=_BREATH)
        except queue.Empty:
            line = {}
        if line is None:
            return
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _refused(error: BusError) -> JSONResponse:
    headers = None
    match error:
        case NotLoggedInError():
            status, headers = 401, {"WWW-Authenticate": 'Basic realm="shutong"'}
        case BadRequestError():
            status = error.status
        case _:
            status = 503
    return JSONResponse({"problem": {"zh": error.problem.zh, "en": error.problem.en},
                         "advice": {"zh": error.advice.zh, "en": error.advice.en}}, status_code=status, headers=headers)


def _unexpected(kind: str) -> HaltError:
    return HaltError(Text(f"serve 执行 apply 时出错（{kind}）", f"serve failed to apply ({kind})"),
                     advice=Text("查看 serve 的日志", "read serve's log"))
