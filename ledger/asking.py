"""What was asked, from a URL's words: days, dimensions, stages. A word that means nothing is a RejectError naming those that do."""

from collections.abc import Mapping
from datetime import date

from ledger import shanghai
from ledger.queries import DIMENSIONS, EXCHANGE, SCOPES, Filter, Period, stages_of
from schemas.envelope import CAUSES
from schemas.errors import RejectError
from schemas.tally import STAGES
from schemas.text import Text

__all__ = ["chosen", "dimensions", "minutes", "peak_of", "period", "volume_period", "whole"]

#: Seconds and minutes are added up from tallies, which are many: so many days of them are asked for at once.
_DAYS_BY_MINUTE = 2
_DAYS = 3700
_MOST_MINUTES = 24 * 60

Words = Mapping[str, str]


def period(words: Words, most: int = _DAYS) -> Period:
    """`from` and `to`, both included; today, or the one day that is given."""
    first, last = (_day(words[end], end) if words.get(end) else None for end in ("from", "to"))
    first, last = first or last or shanghai.today(), last or first or shanghai.today()
    if first > last:
        raise _bad(Text("开始日期晚于结束日期", "the first day is after the last"),
                   Text("把 from 和 to 换过来", "exchange from and to"))
    if (last - first).days >= most:
        raise _bad(Text(f"一次最多查询 {most} 天", f"{most} days at most can be asked for at once"),
                   Text("缩短 from 到 to 的时间段", "shorten the span between from and to"))
    return Period(first, last)


def dimensions(words: Words, allowed: tuple[str, ...] = DIMENSIONS, default: str = "stage") -> tuple[str, ...]:
    """`by`: words with commas between."""
    found = tuple(dict.fromkeys(word for word in words.get("by", default).split(",") if word))
    for word in found:
        _one_of("by", word, allowed)
    return found


def volume_period(words: Words, by: tuple[str, ...]) -> Period:
    """By minute only few days."""
    return period(words, _DAYS_BY_MINUTE if "minute" in by else _DAYS)


def chosen(words: Words) -> Filter:
    """`stage`, `cause`, `provider`, `dataset`, `subscriber`."""
    stage, cause = words.get("stage", ""), words.get("cause", "")
    if stage:
        _one_of("stage", stage, (*STAGES, "exchange"))
    if cause:
        _one_of("cause", cause, CAUSES)
    names = {name: words.get(name, "") for name in ("provider", "dataset", "subscriber")}
    return Filter(stages_of(stage) if stage else (), (cause,) if cause else (), **names)


def peak_of(words: Words) -> tuple[str, str, str]:
    """`stage`, `scope`, `name`. What a dataset or a subscriber is given has a subscriber; nothing else has."""
    stage, scope = words.get("stage") or "exchange", words.get("scope") or "all"
    _one_of("stage", stage, (*STAGES, "exchange"))
    _one_of("scope", scope, SCOPES)
    if scope == "subscriber":
        _one_of("stage", stage, ("exchange", *EXCHANGE, "held_back", "quarantined"))
    return stage, scope, words.get("name", "")


def whole(words: Words) -> bool:
    """`rows`: all of the books, or those that do not balance."""
    word = words.get("rows") or "all"
    _one_of("rows", word, ("all", "unbalanced"))
    return word == "all"


def minutes(words: Words) -> int:
    """`minutes`: how many of the last."""
    word = words.get("minutes") or "60"
    if not word.isdigit() or not 1 <= int(word) <= _MOST_MINUTES:
        raise _bad(Text(f"minutes 应为 1 到 {_MOST_MINUTES}", f"minutes is a number from 1 to {_MOST_MINUTES}"),
                   Text("改正后再试", "correct it and try again"))
    return int(word)


def _day(word: str, name: str) -> date:
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise _bad(Text(f"{name} 不是日期", f"{name} is no date"),
                   Text("写成 2026-11-24（北京时间）", "write it as 2026-11-24 (Asia/Shanghai)")) from None


def _one_of(name: str, word: str, allowed: tuple[str, ...]) -> None:
    if word not in allowed:
        raise _bad(Text(f"{name} 没有这个取值", f"{name} has no such value"),
                   Text(f"可用：{'、'.join(allowed)}", f"one of {', '.join(allowed)}"))


def _bad(problem: Text, advice: Text) -> RejectError:
    return RejectError("bad_question", problem, advice=advice)
