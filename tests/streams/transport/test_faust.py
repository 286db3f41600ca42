"""What the plug-in does with errors of the transport: wherever they come up, the process ends, and for the right reason."""

import asyncio
from pathlib import Path
from typing import Any, NoReturn

import pytest

from schemas.errors import HaltError
from schemas.text import Text
from streams.agents import make_app
from streams.transport import faust
from streams.transport.exits import BROKEN, HALTED

HALT = HaltError(Text("满", "full"), advice=Text("分", "spread"))


class Engine:
    """Nothing comes; committing or reading fails."""

    def __init__(self, committing: Exception | None = None, reading: Exception | None = None) -> None:
        self._committing, self._reading = committing, reading

    async def next(self, timeout: float) -> None:
        await asyncio.sleep(0.01)
        if self._reading is not None:
            raise self._reading

    async def committing(self) -> None:
        await asyncio.sleep(0.01)
        if self._committing is not None:
            raise self._committing
        await asyncio.Event().wait()


@pytest.mark.parametrize(("error", "code"), [(HALT, HALTED), (ValueError("x"), BROKEN)])
@pytest.mark.parametrize("where", ["committing", "reading"])
def test_an_error_of_the_transport_ends_the_process_for_its_own_reason(
        error: Exception, code: int, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> int:
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def end(code: int) -> NoReturn:
            if not ended.done():
                ended.set_result(code)
            raise asyncio.CancelledError

        monkeypatch.setattr(faust, "halt_process", lambda error: end(HALTED))
        monkeypatch.setattr(faust, "break_process", lambda error: end(BROKEN))
        engine: Any = Engine(**{where: error})
        app = make_app(engine, tmp_path, clean=lambda *given: None, route=lambda *given: None)  # type: ignore[arg-type, return-value]
        await app.start()
        try:
            return await asyncio.wait_for(ended, 10)
        finally:
            await app.stop()

    assert asyncio.run(run()) == code
