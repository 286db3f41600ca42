"""full_width: letters and digits of names and addresses in their ASCII form."""

from schemas.reasons import Reason
from schemas.rules.characters import narrow
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix
from schemas.text import Text

__all__ = ["full_width"]


@rule(
    title=Text("全角转半角", "full-width letters and digits"),
    clause="Unicode 16.0, Halfwidth and Fullwidth Forms (FF01–FF5E)",
    reasons={"full_width": Reason(Text("含全角字母或数字", "has full-width letters or digits"),
                                  Text("已转为半角，无需处理", "made half-width, nothing to do"))},
    examples=(Example("金安区示例路１２号Ａ座", fix("金安区示例路12号A座", "full_width")), Example("示例路12号（东），1楼", KEEP)),
    pack="text")
def full_width() -> Check:
    """Full-width letters and digits become ASCII; Chinese punctuation is right as it is."""
    def check(text: str) -> Verdict:
        plain = narrow(text)
        return KEEP if plain == text else fix(plain, "full_width")

    return check
