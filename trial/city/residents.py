"""Residents nobody ever was: valid numbers, plausible names and addresses, drawn from a seed. Dirt is added in dirt.py."""

import datetime as dt
import random
from collections.abc import Iterator
from typing import NamedTuple

from trial.city.places import RETIRED, areas, villages

__all__ = ["STATUSES", "Population", "Resident", "check_character"]

STATUSES = ("registered", "moved", "deceased", "cancelled")

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰红建国文辉斌宇浩然子轩梓涵欣怡一诺思远晨曦雨桐佳慧"
    "志鹏海燕春梅秀珍德福永康金凤小龙家豪嘉怡俊熙博文天佑"
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_FIRST_BIRTH = dt.date(1932, 1, 1).toordinal()
#: From then on nobody was given a number with one of the retired codes.
_NEW_CODES = dt.date(2000, 1, 1)
_LAST_BIRTH = dt.date(2024, 12, 31).toordinal()
_MOBILE = ("130", "131", "135", "136", "138", "139", "150", "151", "152", "158", "159", "177", "180", "187", "188", "189")


class Resident(NamedTuple):
    """One row of the population register; `updated_at` is the database's."""

    resident_id: str
    name: str
    sex: str
    birth_date: str
    phone: str | None
    division: str
    address: str
    status: str


def check_character(body: str) -> str:
    """The last character of a resident number (GB 11643: ISO 7064 MOD 11-2)."""
    return "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


class Population:
    """An endless register: each resident drawn is another one. The same seed gives the same people."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._taken: set[int] = set()
        self._villages = villages()
        self._codes = (*areas(), *RETIRED)

    def __iter__(self) -> Iterator[Resident]:
        while True:
            yield self.draw()

    def draw(self, last: str = "") -> Resident:
        """The next resident; `last` asks for a number that ends so."""
        chance = self._random
        number, birth, order = self._number(last)
        village = chance.choice(self._villages)
        address = (f"{village.address}{chance.randrange(1, 400)}号{chance.randrange(1, 33)}栋"
                   f"{chance.randrange(1, 30)}0{chance.randrange(1, 9)}室")
        phone = None if chance.random() < 0.12 else self.phone()
        status = "registered" if chance.random() < 0.9 else chance.choice(STATUSES[1:])
        return Resident(number, self.name(), "1" if order % 2 else "2", birth, phone, village.area_code, address, status)

    def draw_at(self, number: str) -> Resident:
        """Another resident under a number that was drawn before, which says when they were born and what sex they are of."""
        birth = f"{number[6:10]}-{number[10:12]}-{number[12:14]}"
        return self.draw()._replace(resident_id=number, birth_date=birth, sex="1" if int(number[16]) % 2 else "2")

    def name(self) -> str:
        """A surname and one or two further characters."""
        chance = self._random
        return chance.choice(_SURNAMES) + "".join(chance.choices(_GIVEN, k=1 + (chance.random() < 0.8)))

    def phone(self) -> str:
        """A mobile number of eleven digits."""
        return f"{self._random.choice(_MOBILE)}{self._random.randrange(10**8):08}"

    def _number(self, last: str) -> tuple[str, str, int]:
        chance = self._random
        while True:
            code, order = chance.choice(self._codes), chance.randrange(1, 1000)
            born = dt.date.fromordinal(chance.randrange(_FIRST_BIRTH, _LAST_BIRTH))
            body = f"{code}{born:%Y%m%d}{order:03}"
            check = check_character(body)
            if code in RETIRED and born >= _NEW_CODES:
                continue
            if int(body) not in self._taken and check.endswith(last):
                self._taken.add(int(body))
                return body + check, born.isoformat(), order
