"""`POST /api/apply`: an apply by the process that keeps the control writer. What it does is told line by line as it happens.

The directory comes as JSON (console/apply_form); one apply follows the other.
"""

import logging
import tempfile
from pathlib import Path
from typing import Any

from console.apply_form import lines_line, result_line, told_line, unpack
from console.serve.board import Board
from console.serve.controlling import Say
from governance.apply import apply, preview

__all__ = ["Applying"]

log = logging.getLogger("shutong.serve")


class Applying:
    """What the route does."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def work(self, body: dict[str, Any], say: Say) -> None:
        """An apply, or its preview (`dry_run`)."""
        with tempfile.TemporaryDirectory(prefix="shutong-city-") as folder:
            unpack(body.get("files"), Path(folder))
            (self._preview if body.get("dry_run") is True else self._apply)(Path(folder), say)

    def _preview(self, folder: Path, say: Say) -> None:
        say(lines_line(preview(self._board.control_settings(), folder)))

    def _apply(self, folder: Path, say: Say) -> None:
        writer, settings = self._board.writer, self._board.control_settings()
        applied = apply(settings, folder, self._board.settings.secrets, lambda done: say(told_line(done)),
                        turn=lambda: writer.turn(fresh=True))
        log.info("apply: %d objects differ, plan version %d", len(applied.lines), applied.version)
        say(result_line(applied))
