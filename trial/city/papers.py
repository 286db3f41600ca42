"""Dirt in enterprises, permits, their events and real estate: each kind with the fate that the standard datasets' rules give it."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
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


def _inside(part: str, **changes: Any) -> Callable[[Row, int], Row]:
    """Other values inside a nested part: in the record, or in the first item of the array."""
    def spoil(row: Row, _: int) -> Row:
        inner = row[part]
        changed = {**inner, **changes} if isinstance(inner, dict) else [{**inner[0], **changes}, *inner[1:]]
        return {**row, part: changed}

    return spoil


def _item(**changes: Any) -> Callable[[Row, int], Row]:
    """A licence for one item more."""
    return lambda row, turn: {**row, "items": [*row["items"], {"name": "追加事项", "quantity": None, "amount": None, **changes}]}


def _garbled(text: str) -> str:
    """Its bytes read in another encoding."""
    return text.encode().decode("latin-1")


def _day_before(text: str) -> str:
    return (dt.date.fromisoformat(text) - dt.timedelta(days=1)).isoformat()


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
        Stain("unknown state", "rejected", _set("status", "不详", "x")),
        Stain("approved too early", "rejected", lambda row, turn: {**row, "approved_on": _day_before(row["established_on"])}),
        Stain("no time to live", "rejected", lambda row, turn: {**row, "valid_until": row["established_on"]}),
        Stain("for ever", "fixed", _set("valid_until", "长期", "9999-12-31")),
        Stain("nothing to say", "fixed", _set("business_scope", "/", "无")),
        Stain("nothing to call", "fixed", _set("phone", "无", "00000000")),
        Stain("nobody", "rejected", _set("legal_representative", "不详", "/")),
        Stain("from a page", "fixed", _set("business_scope", "<p>茶叶种植<br>加工</p>", "茶叶&nbsp;加工")),
        Stain("script", "rejected", _set("business_scope", "茶叶<script>x()</script>")),
        Stain("garbled", "fixed", _text("name", _garbled)),
        Stain("lost bytes", "suspect", _set("business_scope", "茶叶\ufffd加工", "锟斤拷加工")),
        Stain("unseen", "fixed", _text("name", lambda text: f"\ufeff{text}\u200b")),
        Stain("spaced name", "fixed", _text("legal_representative", lambda text: "　".join(text))),
        Stain("digit in a name", "suspect", _text("legal_representative", lambda text: f"{text}2")),
        Stain("city named twice", "fixed", _text("address", lambda text: f"六安市{text}")),
        Stain("capital below zero", "rejected", _set("registered_capital", Decimal("-1.00")))),
    "permit": (
        Stain("kind in words", "fixed", _set("item_kind", "行政许可", " 01")),
        Stain("unknown kind", "rejected", _set("item_kind", "99", "")),
        Stain("blanks", "fixed", _text("name", lambda text: f"{text} ")),
        Stain("short issuer", "rejected", _set("issuer_uscc", "11341500")),
        Stain("wide division", "fixed", _text("division", lambda text: text.translate(_WIDE))),
        Stain("blanks in the holder", "fixed", _inside("holder", name=" 六安市示范茶业有限公司", subject="企业法人", id_kind="821")),
        Stain("unknown holder", "rejected", _inside("holder", name="不详")),
        Stain("unknown subject", "rejected", _inside("holder", subject="7")),
        Stain("number of ones", "rejected", _inside("holder", id_number="1" * 18)),
        Stain("item from a page", "fixed", _item(name="<b>追加</b>事项")),
        Stain("item twice", "suspect", lambda row, turn: _item()(_item(quantity=1)(row, turn), turn)),
        Stain("quantity below zero", "rejected", _item(quantity=-1)),
        Stain("amount below zero", "rejected", _item(amount=Decimal("-0.01"))),
        Stain("fee below zero", "rejected", _set("fee", Decimal("-1.00"))),
        Stain("no day", "rejected", _set("valid_from", dt.date(1900, 1, 1))),
        Stain("ends as it begins", "rejected", lambda row, turn: {**row, "valid_to": row["valid_from"]}),
        Stain("for ever", "fixed", _set("valid_to", dt.date(9999, 12, 31))),
        Stain("digest with blanks", "fixed", _set("attachments", {"照面.pdf": f" {'0' * 64}"})),
        Stain("digest cut short", "rejected", _set("attachments", {"照面.pdf": "e3b0"}))),
    "permit-event": (
        Stain("blanks", "fixed", _set("reason", "依申请　", " 吊销")),
        Stain("no number", "rejected", _set("event_id", " ")),
        Stain("short division", "rejected", _set("division", "3415")),
        Stain("blanks in a change", "fixed", _set("changed_fields", ["经营场所　"], ["负责人\u200b", "住所"])),
        Stain("change twice", "suspect", _set("changed_fields", ["经营场所", "住所", "经营场所"])),
        Stain("unknown change", "rejected", _set("changed_fields", ["不详"], ["x"])),
        Stain("nothing to say", "fixed", _set("reason", "无", "--")),
        Stain("lost bytes", "suspect", _set("reason", "依申请\ufffd", "烫烫烫"))),
    "real-estate": (
        Stain("right in words", "fixed", _set("right_kind", "房屋所有权", "抵押", "宅基地")),
        Stain("unknown right", "rejected", _set("right_kind", "租赁权")),
        Stain("short unit", "rejected", _text("unit_number", lambda text: text[:-1])),
        Stain("wide address", "fixed", _text("address", lambda text: text.translate(_WIDE))),
        Stain("lost bytes", "rejected", _text("address", lambda text: f"{text}\ufffd")),
        Stain("blanks in a holder", "fixed", _inside("holders", name="示　例　")),
        Stain("kind in words", "fixed", _inside("holders", id_kind="居民身份证")),
        Stain("nobody", "rejected", _inside("holders", name="不详")),
        Stain("holder twice", "rejected", lambda row, turn: {**row, "holders": [*row["holders"], row["holders"][0]]}),
        Stain("more than all", "rejected", _inside("holders", share=Decimal("100.0001"))),
        Stain("area below zero", "rejected", _set("building_area", Decimal("-1.00"))),
        Stain("price below zero", "rejected", _set("price", Decimal("-1.00"))),
        Stain("not registered yet", "rejected", _set("registered_on", dt.date(2999, 1, 1), dt.date(1900, 1, 1)))),
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
