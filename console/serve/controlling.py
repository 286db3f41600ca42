"""What the control role asks of serve, which keeps the control writer: who may ask, of which bus, and the answer line by line.

Once begun it is carried through, whether or not somebody still listens.
"""

import json
import logging
import queue
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from console.apply_form import MOST_BYTES, error_line
from console.serve.asking import BadRequestError, in_thread, read_json
from console.serve.board import Board
from console.serve.login import NotLoggedInError
from schemas.errors import BusError, HaltError
from schemas.text import Text

__all__ = ["Controlled", "Say", "Work"]

Say = Callable[[dict[str, Any]], None]
#: Carries out what a body asks for, and says each line of the answer.
Work = Callable[[dict[str, Any], Say], None]

_ROLE = "control"
#: Seconds without a word after which an empty line says that it goes on.
_BREATH = 5.0

log = logging.getLogger("shutong.serve")


class Controlled:
    """One such question's endpoint. `name` stands in the log."""

    def __init__(self, board: Board, name: str, work: Work) -> None:
        self._board, self._name, self._work = board, name, work

    async def post(self, request: Request) -> Response:
        """401 and 403 for whoever is not the control role, 409 where the sender means another bus; else 200 and the lines."""
        try:
            role = await in_thread(self._board.login.role, request.headers.get("authorization", ""))
            if role != _ROLE:
                raise BadRequestError(403, Text(f"{role} 无权改变方案", f"{role} may not change the plan"),
                                      Text("由大数据局以 control 角色执行", "the bureau does, as the role control"))
            body = await read_json(request, ("application/json",), MOST_BYTES * 2)
            self._check_bus(body.get("bus"))
        except BusError as error:
            return _refused(error)
        said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._carry_out, args=(body, said), name=self._name).start()
        return StreamingResponse(iterate_in_threadpool(_lines(said)), media_type="application/x-ndjson",
                                 headers={"X-Accel-Buffering": "no"})

    def _check_bus(self, named: object) -> None:
        """Who asks means the bus that his own settings name: it must be ours by the very same name."""
        ours = self._board.settings
        if named is not None and named != {"bootstrap": ours.bootstrap, "prefix": ours.prefix}:
            raise BadRequestError(409, Text("这里是另一个总线", "this is another bus"),
                                  Text("对自己的总线直接执行", "ask your own, or do it without serve"))

    def _carry_out(self, body: dict[str, Any], said: "queue.Queue[dict[str, Any] | None]") -> None:
        try:
            self._work(body, said.put)
        except BusError as error:
            said.put(error_line(error))
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            log.error("%s: %s at %s:%d", self._name, type(error).__name__, at.filename, at.lineno)
            said.put(error_line(_unexpected(self._name, type(error).__name__)))
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


def _unexpected(name: str, kind: str) -> HaltError:
    return HaltError(Text(f"serve 执行 {name} 时出错（{kind}）", f"serve failed at {name} ({kind})"),
                     advice=Text("查看 serve 的日志", "read serve's log"))
