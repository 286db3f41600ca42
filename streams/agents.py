"""The Faust app of a worker: two agents, `clean` and `route`, both writing into the same open transaction.

Agents are shells: the work is a plain function over a chunk. An error in one ends the process: nothing is committed,
and the next start begins where the last commit stood.
"""

import logging
from pathlib import Path
from typing import Any

from schemas.errors import HaltError
from streams.transport.engine import Engine
from streams.transport.exits import BROKEN, end_process, halt_process
from streams.transport.faust import App
from streams.transport.transaction import Handler

__all__ = ["make_app"]

logger = logging.getLogger(__name__)


def make_app(engine: Engine, datadir: Path, *, clean: Handler, route: Handler) -> App:
    """The app over an engine. Handlers are pure functions: the real ones, or those of a test."""
    app = App(engine, str(datadir))
    for kind, name, handler in (("raw", "clean", clean), ("clean", "route", route)):
        app.agent(app.chunks(kind), name=name, concurrency=1)(_agent(engine, handler))
    return app


def _agent(engine: Engine, handler: Handler) -> Any:
    async def work(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                async with engine.transaction as transaction:
                    transaction.handle(event.value, handler)
            except HaltError as error:
                halt_process(error)
            except Exception as error:
                # The traceback may show a record's value, so only where it happened is said.
                end_process(BROKEN, _where(error))
            await stream.ack(event)

    return work


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
    return f"{type(error).__name__} at {place}"
