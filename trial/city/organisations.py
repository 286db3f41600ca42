"""Enterprises, permits, what is done to them, and real estate that nobody ever had: valid numbers, plausible names, from a seed.

Rows are dictionaries as the standard datasets want them, money as decimals. Dirt is added in papers.py.
"""

import datetime as dt
import random
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from trial.city.places import CITY, areas, villages
from trial.city.residents import Population

__all__ = ["ACTS", "STATES", "Organisations", "credit_code", "organisation_check"]

Row = dict[str, Any]

#: The characters of a unified social credit code: digits and letters without I, O, S, V, Z.
_SIGNS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST, _LAST = dt.date(2001, 1, 1).toordinal(), dt.date(2025, 12, 31).toordinal()
_WORDS = ("示范", "天柱", "皋城", "淠河", "大别山", "瓜片", "红岭", "青峰", "云汇", "启程", "恒泰", "佳禾", "瑞丰", "同心", "长安")
#: A trade, the division of economic sectors it is in, and a licence it needs.
_TRADES = (("茶业", "15", "食品生产许可证"), ("餐饮管理", "62", "食品经营许可证"), ("建筑工程", "47", "建筑业企业资质证书"),
           ("物流", "54", "道路运输经营许可证"), ("软件科技", "65", "增值电信业务经营许可证"), ("医药零售", "52", "药品经营许可证"),
           ("旅游服务", "72", "旅行社业务经营许可证"), ("农业开发", "01", "动物防疫条件合格证"), ("劳务", "72", "人力资源服务许可证"))
_KINDS = ("limited", "limited", "limited", "joint-stock", "sole", "partnership", "cooperative")
STATES = ("valid", "suspended", "expired", "revoked", "cancelled")
ACTS = ("issue", "change", "renew", "suspend", "resume", "revoke", "cancel")


def organisation_check(body: str) -> str:
    """The last character of an organisation's code of eight (weights 3 7 9 10 5 8 4 2, modulo 11)."""
    rest = sum(weight * _LETTERS.index(sign) for weight, sign in zip((3, 7, 9, 10, 5, 8, 4, 2), body, strict=True)) % 11
    return "0X987654321"[rest]


def credit_code(body: str) -> str:
    """A unified social credit code of its first seventeen characters (weights 3^n, modulo 31)."""
    total, weight = 0, 1
    for sign in body:
        total, weight = total + weight * _SIGNS.index(sign), weight * 3 % 31
    return body + _SIGNS[-total % 31]


class Organisations:
    """An endless register: each enterprise, permit and unit drawn is another one. The same seed gives the same ones."""

    def __init__(self, seed: int, moment: int = 1_767_323_045_000) -> None:
        self._random = random.Random(seed)
        self._people = Population(seed)
        self._moment = moment
        self._drawn = 0
        #: the body that issues every licence
        self.issuer = self._code("11", 0)

    def enterprise(self) -> Row:
        """The next enterprise."""
        chance, number = self._random, self._next()
        trade, sector, _ = chance.choice(_TRADES)
        village = chance.choice(villages())
        begun = dt.date.fromordinal(chance.randrange(_FIRST, _LAST))
        return {"uscc": self._code("91", number), "name": f"{CITY}{chance.choice(_WORDS)}{chance.choice(_WORDS)}{trade}有限公司",
                "legal_representative": self._people.name(), "kind": chance.choice(_KINDS), "sector": sector,
                "business_scope": f"{trade}相关服务" if chance.random() < 0.8 else None,
                "registered_capital": self._money(5_000_000) if chance.random() < 0.9 else None,
                "established_on": begun.isoformat(), "approved_on": self._later(begun).isoformat(),
                "valid_until": begun.replace(year=begun.year + 30, day=1).isoformat() if chance.random() < 0.5 else None,
                "division": village.area_code, "address": f"{village.address}{chance.randrange(1, 400)}号",
                "phone": self._people.phone() if chance.random() < 0.8 else None,
                "status": "active" if chance.random() < 0.85 else chance.choice(("revoked", "cancelled")), "updated_at": self._moment}

    def permit(self) -> Row:
        """The next licence, of an enterprise or of a person."""
        chance, number = self._random, self._next()
        _, _, licence = chance.choice(_TRADES)
        begun = dt.date.fromordinal(chance.randrange(_FIRST, _LAST))
        items: list[Row] = [{"name": f"{licence}事项{place}", "quantity": chance.choice((None, chance.randrange(1, 50))),
                             "amount": chance.choice((None, self._money(9_000)))} for place in range(chance.randrange(4))]
        papers = {f"照面{place}.pdf": sha256(f"{number}/{place}".encode()).hexdigest() for place in range(chance.randrange(3))}
        return {"licence_number": f"JY{chance.choice(tuple(areas()))}{number:08}", "name": licence, "item_kind": "01",
                "holder": self._holder(), "issuer_uscc": self.issuer, "issuer": f"{CITY}行政审批局", "valid_from": begun,
                "valid_to": begun.replace(year=begun.year + 5, day=1) if chance.random() < 0.8 else None, "items": items,
                "fee": self._money(2_000), "attachments": papers, "division": chance.choice(tuple(areas())),
                "state": "valid" if chance.random() < 0.8 else chance.choice(STATES[1:]), "updated_at": self._moment}

    def permit_event(self, permit: Row, act: str) -> Row:
        """The next thing that is done to a licence."""
        return {"event_id": f"luan-{self._next():010}", "licence_number": permit["licence_number"], "act": act, "happened_at": self._moment,
                "issuer_uscc": permit["issuer_uscc"], "issuer": permit["issuer"], "division": permit["division"],
                "reason": None if act == "issue" else f"依申请{act}", "changed_fields": ["经营场所"] if act == "change" else []}

    def real_estate(self) -> Row:
        """The next right in a unit, held by one to three."""
        chance, number = self._random, self._next()
        village = chance.choice(villages())
        holders = [self._right_holder() for _ in range(chance.randrange(1, 4))]
        for holder in holders:
            holder["share"] = (Decimal(100) / len(holders)).quantize(Decimal("0.0001"))
        return {"unit_number": f"{village.code}GB{chance.randrange(1, 10**5):05}F{number:08}", "right_kind": "ownership",
                "certificate_number": f"皖（2026）{CITY}不动产权第{number:07}号", "division": village.area_code,
                "address": f"{village.address}{chance.randrange(1, 400)}号",
                "building_area": self._money(400), "land_area": self._money(90) if chance.random() < 0.6 else None,
                "price": self._money(3_000_000) if chance.random() < 0.9 else None,
                "registered_on": dt.date.fromordinal(chance.randrange(_FIRST, _LAST)), "holders": holders,
                "state": "current" if chance.random() < 0.9 else "historic", "updated_at": self._moment}

    def _holder(self) -> Row:
        if self._random.random() < 0.3:
            person = self._people.draw()
            return {"name": person.name, "subject": "1", "id_kind": "111", "id_number": person.resident_id}
        firm = self.enterprise()
        return {"name": firm["name"], "subject": "2", "id_kind": "821", "id_number": firm["uscc"]}

    def _right_holder(self) -> Row:
        person = self._people.draw()
        return {"name": person.name, "id_kind": "111", "id_number": person.resident_id}

    def _code(self, kind: str, number: int) -> str:
        body = f"MA{number:06}"
        return credit_code(f"{kind}341500{body}{organisation_check(body)}")

    def _next(self) -> int:
        """A number never drawn before."""
        self._drawn += 1
        return self._drawn

    def _later(self, begun: dt.date) -> dt.date:
        return dt.date.fromordinal(min(begun.toordinal() + self._random.randrange(3000), _LAST))

    def _money(self, most: int) -> Decimal:
        return Decimal(self._random.randrange(1, most * 100)).scaleb(-2)
