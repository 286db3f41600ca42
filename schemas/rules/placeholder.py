"""placeholder: what people and forms enter when there is nothing to enter."""

import re
from collections.abc import Callable

from schemas.reasons import Reason
from schemas.rules.characters import half
from schemas.rules.rule import MOMENTS, TEXT, Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect
from schemas.text import Text

__all__ = ["placeholder"]

_WORDS = frozenset({
    "/", "//", "///", "\\", "-", "--", "---", "—", "——", "_", "__", ".", "..", "...", "…", "……", "*", "**", "***", "****", "?", "??", "???",
    "????", "#", "xx", "xxx", "xxxx", "n/a", "na", "nan", "#n/a", "#ref!", "#value!", "#name?", "null", "(null)", "[null]", "<null>",
    "none", "nil", "undefined", "unknown", "test", "无", "无。", "无无", "没有",
    "空", "空白", "不详", "未详", "不明", "未知", "暂无", "暂缺", "暂不详",
    "不清楚", "不知道", "待定", "待补", "待补充", "待查", "待核实", "未填", "未填写", "未提供", "未登记", "未录入", "同上", "测试",
    "1900-01-01", "1900/1/1", "1900-1-1", "19000101", "1899-12-30", "1899-12-31", "0001-01-01", "00010101", "0000-00-00", "00000000"})
_LONGEST = 32
#: The same digit over and over, a moment that only stands for a missing one, or the keys of a keyboard in a row.
_FILLED = re.compile(r"([0-9])\1{5,}|(?:1900-01-01|0001-01-01|1899-12-3[01])[T ]00:00:00(?:\.0+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
                     r"|1234567890?|123456789012345678").fullmatch
_VERDICTS: dict[str, Callable[[str], Verdict]] = {
    "null": lambda reason: fix(None, reason), "suspect": suspect, "reject": reject}


def _then(text: str) -> Verdict:
    if text not in _VERDICTS:
        raise ValueError(text)
    return _VERDICTS[text]("placeholder")


def _also(text: str) -> frozenset[str]:
    values = text.split("|")
    if "" in values:
        raise ValueError(text)
    return frozenset(half(value).strip().lower() for value in values)


@rule(
    title=Text("占位值", "a placeholder"),
    clause="",
    reasons={"placeholder": Reason(Text("填的是占位值，不是内容", "a placeholder was entered, not a value"),
                                   Text("没有内容就留空；必填字段请在源系统补齐",
                                        "leave it empty where there is nothing; fill required ones in at the source"),
                                   "completeness")},
    examples=(Example("示例", KEEP), Example("无为市", KEEP), Example("/", fix(None, "placeholder")),
              Example(" 不详 ", fix(None, "placeholder")),
              Example("Ｎ／Ａ", fix(None, "placeholder")), Example("NULL", fix(None, "placeholder")),
              Example("1" * 18, fix(None, "placeholder")),
              Example("000000", fix(None, "placeholder")), Example("1900-01-01", reject("placeholder"), "placeholder(then=reject)"),
              Example("暂无", suspect("placeholder"), "placeholder(then=suspect)"), Example("00000", KEEP), Example("", KEEP),
              Example("保密", fix(None, "placeholder"), "placeholder(also=保密|不便透露)"), Example("1900-01-02", KEEP)),
    options={"then": _then, "also": _also}, kinds=TEXT | MOMENTS, pack="values")
def placeholder(then: Verdict = fix(None, "placeholder"), also: frozenset[str] = frozenset()) -> Check:  # noqa: B008
    """Words and fillings that stand for nothing. They become null where the field takes null and are rejected where it does
    not; `then=suspect` or `then=reject` says otherwise, and `also` names further ones. Empty text is left to `required`."""
    words = _WORDS | also
    longest = max(map(len, words))

    def check(text: str) -> Verdict:
        if len(text) > _LONGEST:
            return KEEP
        bare = text.strip()
        filled = bare[:1].isdigit()
        if not filled and len(bare) > longest:
            return KEEP
        bare = half(bare).lower()
        return then if bare in words or (filled and _FILLED(bare)) else KEEP

    return check
