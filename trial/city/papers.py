"""Dirt in enterprises, permits, their events and real estate: each kind with the fate that the standard datasets' rules give it."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from trial.city.organisations import ACTS, Organisations

__all__ = ["STAINS", "Papers", "Stain"]

Row = dict[str, Any]
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


class Stain(NamedTuple):
    """One kind of dirt: what it is called, what becomes of the row, and how it gets there."""

    name: str
    fate: Literal["fixed", "rejected", "suspect"]
    spoil: Callable[[Row, int], Row]


def _set(field: str, *values: Any) -> Callable[[Row, int], Row]:
    """One of these values in turn."""
    return lambda row, turn: {**row, field: values[turn % len(values)]}


def _text(field: str, change: Callable[[str], str]) -> Callable[[Row, int], Row]:
    return lambda row, turn: {**row, field: change(row[field])}


def _spelt(field: str) -> Callable[[Row, int], Row]:
    """A date as people write it."""
    def spoil(row: Row, turn: int) -> Row:
        year, month, day = row[field].split("-")
        spelt = (f"{year}年{int(month)}月{int(day)}日", f"{year}{month}{day}", f"{year}/{month}/{day}", f"{year}.{month}.{day}")
        return {**row, field: spelt[turn % 4]}

    return spoil


#: dataset -> its dirt
STAINS: dict[str, tuple[Stain, ...]] = {
    "enterprise": (
        Stain("state in words", "fixed", _set("status", "存续（在营、开业、在册）", "在业", "注销", "吊销，未注销")),
        Stain("form in words", "fixed", _set("kind", "有限责任公司（自然人独资）", "有限公司", "个人独资企业")),
        Stain("sector with its section", "fixed", lambda row, turn: {**row, "sector": "C15"}),
        Stain("sector in words", "fixed", _set("sector", "餐饮业", "开采辅助活动", "农、林、牧、渔服务业")),
        Stain("sector of an earlier edition", "suspect", _set("sector", "S90", "P82", "O79")),
        Stain("sector that is none", "rejected", _set("sector", "98", "0", "茶")),
        Stain("spelt date", "fixed", _spelt("established_on")),
        Stain("wide address", "fixed", _text("address", lambda text: text.translate(_WIDE))),
        Stain("blanks", "fixed", _text("name", lambda text: f" {text}　")),
        Stain("no name", "rejected", _set("name", "", "　")),
        Stain("short code", "rejected", _text("uscc", lambda text: text[:17])),
        Stain("date to come", "rejected", _set("approved_on", "2999-01-01", "2026-02-31")),
        Stain("unknown state", "rejected", _set("status", "不详", "x"))),
    "permit": (
        Stain("kind in words", "fixed", _set("item_kind", "行政许可", " 01")),
        Stain("unknown kind", "rejected", _set("item_kind", "99", "")),
        Stain("blanks", "fixed", _text("name", lambda text: f"{text} ")),
        Stain("short issuer", "rejected", _set("issuer_uscc", "11341500")),
        Stain("wide division", "fixed", _text("division", lambda text: text.translate(_WIDE)))),
    "permit-event": (
        Stain("blanks", "fixed", _set("reason", "依申请　", " 吊销")),
        Stain("no number", "rejected", _set("event_id", " ")),
        Stain("short division", "rejected", _set("division", "3415"))),
    "real-estate": (
        Stain("right in words", "fixed", _set("right_kind", "房屋所有权", "抵押", "宅基地")),
        Stain("unknown right", "rejected", _set("right_kind", "租赁权")),
        Stain("short unit", "rejected", _text("unit_number", lambda text: text[:-1])),
        Stain("wide address", "fixed", _text("address", lambda text: text.translate(_WIDE)))),
}


class Papers:
    """Draws rows of each dataset, every fourth spoiled in turn; `counts` tells how many of each kind."""

    def __init__(self, seed: int) -> None:
        self._drawn = Organisations(seed)
        self._permits: list[Row] = []
        self._turns: Counter[str] = Counter()
        self.counts: Counter[tuple[str, str]] = Counter()

    def draw(self, dataset: str) -> tuple[Row, Stain | None]:
        """The next row of a standard dataset, and what is wrong with it."""
        row, turn = self._row(dataset), self._turns[dataset]
        self._turns[dataset] += 1
        if turn % 4 != 3:
            return row, None
        stains = STAINS[dataset]
        stain = stains[turn // 4 % len(stains)]
        self.counts[dataset, stain.name] += 1
        return stain.spoil(row, turn // 4 // len(stains)), stain

    def _row(self, dataset: str) -> Row:
        match dataset:
            case "enterprise":
                return self._drawn.enterprise()
            case "permit":
                self._permits.append(self._drawn.permit())
                return dict(self._permits[-1])
            case "permit-event":
                turn = self._turns[dataset]
                permit = self._permits[turn % len(self._permits)] if self._permits else self._drawn.permit()
                return self._drawn.permit_event(permit, ACTS[turn % len(ACTS)])
            case _:
                return self._drawn.real_estate()
