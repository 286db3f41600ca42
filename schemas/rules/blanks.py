"""blanks: no blanks around a text, the ideographic ones included."""

from schemas.reasons import Reason
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix
from schemas.text import Text

__all__ = ["blanks"]

_BLANKS = " \t\r\n\u3000\u00a0"


@rule(
    title=Text("去首尾空白", "no blanks around"),
    clause="",
    reasons={"blanks": Reason(Text("首尾有空白", "has blanks around it"),
                              Text("已去除，无需处理", "taken away, nothing to do"))},
    examples=(Example("示例 \u3000", fix("示例", "blanks")), Example("\u00a0示 例\r\n", fix("示 例", "blanks")),
              Example("示 例", KEEP)),
    pack="text")
def blanks() -> Check:
    """Spaces, tabs, line ends, U+3000 and U+00A0 go from both ends; inside they stay."""
    def check(text: str) -> Verdict:
        bare = text.strip(_BLANKS)
        return KEEP if bare == text else fix(bare, "blanks")

    return check
