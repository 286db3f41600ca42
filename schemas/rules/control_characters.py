"""control_characters: nothing in a text that nobody sees: controls, zero-width and bidirectional characters."""

import re

from schemas.reasons import Reason
from schemas.rules.characters import invisible, visible
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix
from schemas.text import Text

__all__ = ["control_characters"]

_CONTROL = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]")
_LINES = re.compile("[\\t\\n\\r\u2028\u2029]+")
_PLAIN = re.compile("[\\x20-\\x7e\u00a1-\u00ac\u00ae-\u05ff\u3000-\ud7ff\uff00-\uffef]*").fullmatch


def _lines(text: str) -> bool:
    if text not in ("keep", "join"):
        raise ValueError(text)
    return text == "keep"


@rule(
    title=Text("去控制字符", "no control characters"),
    clause="Unicode 16.0, general categories Cc and Cf as listed in characters.py",
    reasons={"control": Reason(Text("含控制字符或不可见字符", "has control or invisible characters"),
                               Text("已去除，无需处理", "taken away, nothing to do"))},
    examples=(Example("示例\x00路", fix("示例路", "control")), Example("\ufeff示\u200b例", fix("示例", "control")),
              Example("示例\u202e路", fix("示例路", "control")), Example("第一行\r\n第二行", fix("第一行 第二行", "control")),
              Example("第一行\n第二行", KEEP, "control_characters(lines=keep)"), Example("示例 12 号", KEEP),
              Example("👩\u200d🚒", KEEP)),
    options={"lines": _lines}, pack="text")
def control_characters(lines: bool = False) -> Check:
    """Controls and what nobody sees go; tabs and line ends become one blank, unless `lines=keep`."""
    def check(text: str) -> Verdict:
        if _PLAIN(text) or (lines and not _CONTROL.search(text) and not invisible(text)):
            return KEEP
        bare = visible(_CONTROL.sub("", text))
        bare = bare if lines else _LINES.sub(" ", bare)
        return KEEP if bare == text else fix(bare, "control")

    return check
