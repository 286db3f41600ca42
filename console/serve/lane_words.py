"""`POST /api/lanes`: lanes are held, released, or noted as begun, by the process that keeps the control writer."""

import logging
from typing import Any

from console.apply_form import version_line
from console.serve.board import Board
from console.serve.controlling import Say
from governance.holding import WORDS, told_of_lanes
from governance.settling import begun
from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["LaneWords"]

log = logging.getLogger("shutong.serve")


class LaneWords:
    """What the route does: `say` is hold, release or begun, `lanes` are their names."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def work(self, body: dict[str, Any], say: Say) -> None:
        word, names = body.get("say"), body.get("lanes")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or word not in (*WORDS, "begun"):
            raise RejectError("bad_request", Text("say 须是 hold、release 或 begun，lanes 是通道名的列表",
                                                  "`say` is hold, release or begun, `lanes` a list of names"),
                              advice=Text("没有写入任何内容", "nothing was written"))
        version = self._board.writer.change_lanes(
            lambda plan: begun(plan.lanes, names) if word == "begun" else told_of_lanes(plan, word, names), self._board.desk.plan)
        log.info("lanes: %s %s, plan version %d", word, ", ".join(names), version)
        say(version_line(version))
