"""Dirt in known numbers: one spoiled row of each kind per so many rows, so that what the rules must find can be counted.

`fate` is what the first rules make of it: fixed, rejected, suspect (kept as it is), or canonical (the connector writes
the key as the rules want it before it sends).
"""

from collections import Counter
from collections.abc import Callable
from typing import Literal, NamedTuple

from trial.city.places import CITY, RETIRED
from trial.city.residents import Population, Resident, check_character

__all__ = ["DIRT", "Dirt", "DirtyPopulation"]


class Dirt(NamedTuple):
    """One kind of dirt: how many of a thousand rows have it, and what it does to a row."""

    name: str
    per_mille: int
    fate: Literal["fixed", "rejected", "suspect", "canonical"]
    spoil: Callable[[Resident, int], Resident]


_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def _wide(row: Resident, _: int) -> Resident:
    return row._replace(address=row.address.translate(_WIDE))


def _blanks(row: Resident, turn: int) -> Resident:
    return row._replace(name=(f"{row.name} ", f"{row.name}\u3000", "\u3000".join(row.name))[turn % 3])


def _unseen(row: Resident, turn: int) -> Resident:
    """Characters that come along with a copy, or from a terminal."""
    if turn % 2:
        return row._replace(name=f"{row.name[0]}\u200b{row.name[1:]}")
    return row._replace(address=f"{row.address[:6]}\x07{row.address[6:]}")


def _twice(row: Resident, turn: int) -> Resident:
    """The city named twice, with blanks between where it came from two fields."""
    return row._replace(address=f"{CITY}{'　' * (turn % 2)}{row.address}")


def _garbled(row: Resident, _: int) -> Resident:
    return row._replace(address=row.address.encode().decode("latin-1"))


def _lost(row: Resident, turn: int) -> Resident:
    return row._replace(name=f"{row.name[0]}\ufffd") if turn % 2 else row._replace(address=f"{row.address[:6]}锟斤拷{row.address[6:]}")


def _looks_garbled(row: Resident, turn: int) -> Resident:
    """UTF-8 that was read as GBK, with what fits nowhere dropped."""
    return row._replace(address=("绀惧尯灞呮皯濮斿憳浼", "涓鍥戒汉姘戦摱琛屽叚瀹夊競鍒嗚")[turn % 2])


def _odd_name(row: Resident, turn: int) -> Resident:
    return row._replace(name=(f"{row.name}2", f"{row.name}?")[turn % 2])


def _odd_address(row: Resident, turn: int) -> Resident:
    return row._replace(address=f"Room {turn} East")


def _nothing(row: Resident, turn: int) -> Resident:
    """What is entered where there is nothing to enter."""
    return row._replace(name=("不详", "测试")[turn // 2 % 2]) if turn % 2 else row._replace(address=("暂无", "/")[turn // 2 % 2])


def _nothing_phone(row: Resident, turn: int) -> Resident:
    return row._replace(phone=("无", "/", "00000000000")[turn % 3])


def _other_sex(row: Resident, _: int) -> Resident:
    return row._replace(sex="2" if row.sex == "1" else "1")


def _other_birth(row: Resident, _: int) -> Resident:
    return row._replace(birth_date="1971-01-01" if row.birth_date == "1970-01-01" else "1970-01-01")


def _phone(row: Resident, turn: int) -> Resident:
    digits = row.phone or "13800000000"
    spelt = (f"+86 {digits}", f"{digits[:3]}-{digits[3:7]}-{digits[7:]}", f"+86-{digits[:3]}-{digits[3:7]}-{digits[7:]}")
    return row._replace(phone=spelt[turn % 3])


def _date(row: Resident, turn: int) -> Resident:
    year, month, day = row.birth_date.split("-")
    spelt = (f"{year}{month}{day}", f"{year}/{month}/{day}", f"{year}年{int(month)}月{int(day)}日", f"{year}.{month}.{day}")
    return row._replace(birth_date=spelt[turn % 4])


def _lower_x(row: Resident, _: int) -> Resident:
    return row._replace(resident_id=row.resident_id.lower())


def _check(row: Resident, _: int) -> Resident:
    body, last = row.resident_id[:17], row.resident_id[17]
    return row._replace(resident_id=body + ("1" if last != "1" else "2"))


def _impossible(row: Resident, _: int) -> Resident:
    return row._replace(birth_date=row.birth_date[:5] + "02-31")


def _number_date(row: Resident, turn: int) -> Resident:
    body = row.resident_id[:6] + "19991" + f"{turn % 5 + 3}" + row.resident_id[12:17]
    return row._replace(resident_id=body + check_character(body))


def _missing(row: Resident, turn: int) -> Resident:
    return row._replace(name="") if turn % 2 else row._replace(division="")


def _long(row: Resident, _: int) -> Resident:
    return row._replace(address=row.address * 12)


def _status(row: Resident, _: int) -> Resident:
    return row._replace(status="unknown")


def _division(row: Resident, _: int) -> Resident:
    body = "390101" + row.resident_id[6:17]
    return row._replace(resident_id=body + check_character(body))


def _wide_division(row: Resident, _: int) -> Resident:
    return row._replace(division=row.division.translate(_WIDE))


def _retired_division(row: Resident, turn: int) -> Resident:
    return row._replace(division=RETIRED[turn % len(RETIRED)])


def _no_division(row: Resident, _: int) -> Resident:
    return row._replace(division="390101")


def _late_number(row: Resident, turn: int) -> Resident:
    """One born years after the code of their number was retired. 2004 has a 29 February for whoever has that birthday."""
    body = RETIRED[turn % len(RETIRED)] + "2004" + row.resident_id[10:17]
    return row._replace(resident_id=body + check_character(body), birth_date="2004" + row.birth_date[4:])


def _odd_country(row: Resident, _: int) -> Resident:
    """On a foreigner's card of Anhui, of a country that there is not."""
    body = "934999" + row.resident_id[6:17]
    return row._replace(resident_id=body + check_character(body))


def _cut_number(row: Resident, _: int) -> Resident:
    return row._replace(resident_id=row.resident_id[:17])


def _odd_phone(row: Resident, turn: int) -> Resident:
    """A segment nobody has, an area code that is none, and a number of Qingdao from before it had eight digits."""
    return row._replace(phone=(f"154{turn:08}", f"0300333{turn % 10000:04}", f"0532333{turn % 10000:04}")[turn % 3])


def _short_division(row: Resident, _: int) -> Resident:
    return row._replace(division=row.division[:5])


def _no_phone(row: Resident, turn: int) -> Resident:
    return row._replace(phone=("137", "12345", "1380000000")[turn % 3])


def _no_date(row: Resident, turn: int) -> Resident:
    year, month, day = row.birth_date.split("-")
    return row._replace(birth_date=(f"{day}/{month}/{year}", f"{year}-{month}", "不详")[turn % 3])


def _serial_date(row: Resident, turn: int) -> Resident:
    """The days that a spreadsheet counts, as an export left them."""
    return row._replace(birth_date=str(20_000 + turn))


def _not_yet(row: Resident, _: int) -> Resident:
    return row._replace(birth_date="2" + "9" + row.birth_date[2:])


def _old_number(row: Resident, _: int) -> Resident:
    """The fifteen digits of before 1999."""
    return row._replace(resident_id=row.resident_id[:6] + row.resident_id[8:17])


def _short_name(row: Resident, _: int) -> Resident:
    return row._replace(name=row.name[:1])


def _wide_sex(row: Resident, _: int) -> Resident:
    return row._replace(sex=row.sex.translate(_WIDE))


def _sex(row: Resident, _: int) -> Resident:
    return row._replace(sex="7")


DIRT = (
    Dirt("full_width", 15, "fixed", _wide),
    Dirt("blanks", 15, "fixed", _blanks),
    Dirt("phone_spelling", 25, "fixed", _phone),
    Dirt("date_spelling", 20, "fixed", _date),
    Dirt("lower_case_x", 5, "canonical", _lower_x),
    Dirt("check_digit", 5, "rejected", _check),
    Dirt("impossible_date", 4, "rejected", _impossible),
    Dirt("number_date", 2, "rejected", _number_date),
    Dirt("missing", 3, "rejected", _missing),
    Dirt("too_long", 2, "rejected", _long),
    Dirt("unknown_status", 2, "rejected", _status),
    Dirt("unknown_division", 3, "suspect", _division),
    Dirt("wide_division", 3, "fixed", _wide_division),
    Dirt("short_division", 2, "rejected", _short_division),
    Dirt("retired_division", 2, "suspect", _retired_division),
    Dirt("no_division", 2, "suspect", _no_division),
    Dirt("late_number", 2, "suspect", _late_number),
    Dirt("odd_country", 2, "suspect", _odd_country),
    Dirt("cut_number", 2, "rejected", _cut_number),
    Dirt("odd_phone", 2, "suspect", _odd_phone),
    Dirt("no_phone", 2, "rejected", _no_phone),
    Dirt("no_date", 2, "rejected", _no_date),
    Dirt("serial_date", 2, "suspect", _serial_date),
    Dirt("date_to_come", 2, "rejected", _not_yet),
    Dirt("old_number", 2, "rejected", _old_number),
    Dirt("short_name", 2, "rejected", _short_name),
    Dirt("wide_sex", 2, "fixed", _wide_sex),
    Dirt("unknown_sex", 2, "rejected", _sex),
    Dirt("unseen", 2, "fixed", _unseen),
    Dirt("named_twice", 2, "fixed", _twice),
    Dirt("garbled", 2, "fixed", _garbled),
    Dirt("lost_bytes", 2, "rejected", _lost),
    Dirt("looks_garbled", 2, "suspect", _looks_garbled),
    Dirt("odd_name", 2, "suspect", _odd_name),
    Dirt("odd_address", 2, "suspect", _odd_address),
    Dirt("placeholder", 2, "rejected", _nothing),
    Dirt("placeholder_phone", 2, "fixed", _nothing_phone),
    Dirt("other_sex", 2, "rejected", _other_sex),
    Dirt("other_birth", 2, "rejected", _other_birth),
)


def _slots() -> dict[int, Dirt]:
    """Which of a thousand consecutive rows are spoiled, and how: spread evenly, so that small cities have all kinds too."""
    order = [dirt for turn in range(max(kind.per_mille for kind in DIRT)) for dirt in DIRT if turn < dirt.per_mille]
    step = 1000 // len(order)
    return {place * step + 3: dirt for place, dirt in enumerate(order)}


class DirtyPopulation:
    """Draws residents, some of them spoiled. `counts` tells how many of each kind were drawn."""

    def __init__(self, seed: int) -> None:
        self.people = Population(seed)
        self.counts: Counter[str] = Counter()
        self._drawn = 0
        self._slots = _slots()
        self._spoiled: set[str] = set()

    def draw(self) -> tuple[Resident, Dirt | None]:
        """The next resident, and what is wrong with them."""
        dirt = self._slots.get(self._drawn % 1000)
        self._drawn += 1
        if dirt is None:
            return self.people.draw(), None
        self.counts[dirt.name] += 1
        return self._spoil(dirt), dirt

    def _spoil(self, dirt: Dirt) -> Resident:
        """A resident with this dirt; a spoiled number must not meet another spoiled number."""
        while True:
            row = dirt.spoil(self.people.draw("X" if dirt.name == "lower_case_x" else ""), self.counts[dirt.name])
            if row.resident_id not in self._spoiled:
                self._spoiled.add(row.resident_id)
                return row
