"""The serve process: the board's threads and the HTTP server, until told to stop. It needs neither Kafka nor ledger to start."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from console.serve.app import build_app
from console.serve.board import Board
from console.serve.presence import Presence, announced
from console.serve.settings import ServeSettings
from schemas.errors import HaltError
from schemas.text import Text

__all__ = ["make_server", "run"]

#: Seconds for answers that are under way when we are told to stop.
_GRACE = 2


class _Server(uvicorn.Server):
    """Ends the pages that follow before uvicorn waits for its answers to end."""

    def __init__(self, config: uvicorn.Config, board: Board) -> None:
        super().__init__(config)
        self._board = board

    def handle_exit(self, sig: int, frame: object) -> None:
        self._board.feed.close()
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def make_server(settings: ServeSettings, board: Board) -> uvicorn.Server:
    """The HTTP server over a board, not yet running."""
    host, port = settings.bind
    config = uvicorn.Config(build_app(board, settings.hosts), host=host, port=port, log_level="warning", access_log=False,
                            server_header=False, lifespan="off", timeout_graceful_shutdown=_GRACE)  # fmt: skip
    return _Server(config, board)


def run(settings: ServeSettings) -> None:
    """Serve until SIGTERM or SIGINT. A HaltError when the address cannot be had."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    board = Board(settings)
    server = make_server(settings, board)
    presence = Presence(settings.serve_address, settings.bootstrap, settings.prefix)
    with announced(settings.home.resolve(), presence), _running(board):
        # uvicorn raises the signal that ended it once more when it is done: we end in order instead.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda number, frame: None)
        with suppress(SystemExit):  # uvicorn's word for an address it could not have
            server.run()
    if not server.started:
        raise HaltError(
            Text(f"无法监听 {settings.serve_address}", f"cannot listen on {settings.serve_address}"),
            advice=Text("是否已有一个 shutong serve 在运行？否则换一个 SHUTONG_SERVE_ADDRESS",
                        "does another shutong serve run? else choose another SHUTONG_SERVE_ADDRESS"))


@contextmanager
def _running(board: Board) -> Iterator[None]:
    board.start()
    try:
        yield
    finally:
        board.stop()
