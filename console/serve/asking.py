"""What a request of the API asks for: its body within bounds and as JSON, its flags, and the thread it is answered in."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import QueryParams
from starlette.requests import Request

from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["Asked", "BadRequestError", "in_thread", "read_json"]

T = TypeVar("T")
E = TypeVar("E")


class BadRequestError(RejectError):
    """No request that could be answered, whoever asks: `status` is HTTP's."""

    def __init__(self, status: int, problem: Text, advice: Text) -> None:
        super().__init__("bad_request", problem, advice=advice)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """One request: who asks, the parts of the path, the query, the body (an object; empty without one)."""

    role: str
    path: dict[str, str]
    query: QueryParams
    body: dict[str, Any] = field(default_factory=dict)

    def flag(self, *names: str) -> bool:
        """Whether a flag of the query is set, under any of its names."""
        return any(self.query.get(name, "").strip().lower() == "true" for name in names)

    def page(self, rows: list[E]) -> list[E]:
        """The rows from `offset` on, at most `limit` of them; a limit below 1 is none."""
        start, limit = max(self._number("offset", 0), 0), self._number("limit", -1)
        return rows[start:start + limit] if limit > 0 else rows[start:]

    def _number(self, name: str, otherwise: int) -> int:
        try:
            return int(self.query.get(name, otherwise))
        except ValueError:
            raise BadRequestError(400, Text(f"{name} 不是整数", f"{name} is no whole number"),
                                  Text("改正后再试", "correct it and ask again")) from None


async def read_json(request: Request, kinds: tuple[str, ...], most: int) -> dict[str, Any]:
    """The JSON object in the body. 415 for another content type (a page elsewhere may send a form, but not these), 413, 400."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise BadRequestError(415, Text("不支持的内容类型", "HTTP 415 Unsupported Media Type"),
                              Text(f"用 {kinds[0]}", f"send {' or '.join(kinds)}"))
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > most:
            raise BadRequestError(413, Text(f"请求超过 {most} 字节", f"the request is larger than {most} bytes"),
                                  Text("拆小后再试", "send less"))
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequestError(400, Text("请求不是合法的 JSON", "the request is not valid JSON"),
                              Text("改正后再试", "correct it and ask again")) from None
    if not isinstance(body, dict):
        raise BadRequestError(422, Text("请求须是 JSON 对象", "the request is no JSON object"), Text("改正后再试", "send an object"))
    return body


async def in_thread(work: Callable[..., T], *given: Any, limiter: CapacityLimiter | None = None) -> T:
    """Carry out what blocks, beside the loop that answers pages."""
    return await to_thread.run_sync(partial(work, *given), limiter=limiter)
