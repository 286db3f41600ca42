"""required: a field that every record must fill in."""

from schemas.reasons import Reason
from schemas.rules.rule import ANY, Check, Example, rule
from schemas.rules.verdict import KEEP, reject
from schemas.text import Text

__all__ = ["required"]


@rule(
    title=Text("必填", "must be filled in"),
    clause="",
    reasons={"required": Reason(Text("必填字段为空", "a required field is empty"),
                                Text("在源系统补齐后重新发送", "fill it in at the source and send again"), "completeness")},
    examples=(Example("六安", KEEP), Example(None, reject("required")), Example("", reject("required")),
              Example(" \u3000", reject("required"))),
    kinds=ANY, on_null=reject("required"), pack="values")
def required() -> Check:
    """Null, and text of nothing but blanks, is refused; an empty array is a value."""
    missing = reject("required")
    return lambda text: KEEP if text and not text.isspace() else missing
