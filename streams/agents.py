"""The Faust app of a worker: two agents, `clean` and `route`, both writing into the same open transaction.

Agents are shells: the work is a plain function over a chunk. An error in one ends the process: nothing is committed,
and the next start begins where the last commit stood.
"""

from pathlib import Path
from typing import Any

from schemas.errors import HaltError
from streams.transport.engine import Engine
from streams.transport.exits import break_process, halt_process
from streams.transport.faust import App
from streams.transport.transaction import Handler

__all__ = ["make_app"]


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
                break_process(error)
            await stream.ack(event)

    return work

