"""Numbers drawn from seeds: right ones of any time and place, and right ones with a character changed, swapped or lost."""

import datetime as dt
import random
from collections.abc import Iterator

from stdnum import luhn
from stdnum.cn import uscc as credit

from schemas.codes import divisions
from schemas.rules.organisation_code import check_of

__all__ = ["CODES", "card_numbers", "check_character", "credit_codes", "organisation_codes", "phones", "resident_ids", "spelt"]

CODES = sorted(divisions._table())
_LIKE_LETTERS = str.maketrans("1052", "IOSZ")
_WIDE = str.maketrans("0123456789X-", "０１２３４５６７８９Ｘ－")


def spelt(chance: random.Random, number: str) -> str:
    """As people write it: full-width, in lower case, with something between the characters or around them."""
    place = chance.randrange(len(number) + 1)
    between = chance.choice(("", " ", "-", "\u3000", "—", "\t", ".", "ß", "甲", "\u200b", "\u202d", "\ufeff"))
    number = number[:place] + between + number[place:]
    return chance.choice((number, number.lower(), number.translate(_WIDE), f" {number}\n"))


def spoiled(chance: random.Random, number: str, alphabet: str) -> str:
    """The number as it is, twice out of five; else with one character changed, two swapped, or one lost."""
    what, place = chance.random(), chance.randrange(len(number) - 1)
    if what < 0.4:
        return number
    if what < 0.7:
        return number[:place] + chance.choice(alphabet) + number[place + 1:]
    if what < 0.9:
        return number[:place] + number[place + 1] + number[place] + number[place + 2:]
    return number[:place] + number[place + 1:]


def check_character(body: str) -> str:
    """GB 11643 by the weights it prints."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(weight * int(digit) for weight, digit in zip(weights, body, strict=True)) % 11]


def resident_ids(seed: int, count: int) -> Iterator[str]:
    """Numbers of 18 and 15 characters, of people born to 2025, and some before 1800 or much later."""
    chance = random.Random(seed)
    first, last = dt.date(1890, 1, 1).toordinal(), dt.date(2025, 12, 31).toordinal()
    for _ in range(count):
        code = chance.choice((chance.choice(CODES), chance.choice(CODES),
                              chance.choice(CODES)[:4] + chance.choice(("01", "02", "11", "20")),
                              chance.choice(("810000", "820000", "830000", "810101", "840000")),
                              f"9{chance.choice(('11', '32', '39'))}{chance.randrange(1000):03}", f"{chance.randrange(10**6):06}"))
        born = dt.date.fromordinal(chance.randrange(first, last))
        year = born.year if chance.random() < 0.95 else chance.choice((1799, 2999))
        body = f"{code}{year}{born:%m%d}{chance.choice((chance.randrange(1000), 998)):03}"
        number = body + check_character(body)
        yield number[:6] + number[8:17] if chance.random() < 0.1 else spoiled(chance, number, "0123456789Xx")


def credit_codes(seed: int, count: int) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(count):
        head = chance.choice(("91", "92", "11", "12", "51", "N1", "N9", "A1", "Y1", "31", "99", "00"))
        place = chance.choice((chance.choice(CODES), chance.choice(CODES), f"{chance.randrange(10**6):06}", "350203"))
        body = "".join(chance.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _ in range(8))
        body = f"M000{body[4:]}" if place == "350203" else body
        own = check_of(body) if chance.random() < 0.8 else "0"
        code = (whole := head + place + body + own) + credit.calc_check_digit(whole)
        yield code.translate(_LIKE_LETTERS) if chance.random() < 0.2 else spoiled(chance, code, "0123456789ABCXYIOSZ")


def organisation_codes(seed: int, count: int) -> Iterator[str]:
    """Some of the block that is each system's own, which begins after PDY00000."""
    chance = random.Random(seed)
    for _ in range(count):
        body = chance.choice((f"PDY{chance.choice((0, 1, chance.randrange(10**5))):05}",
                              "".join(chance.choice("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(8))))
        yield spoiled(chance, chance.choice((f"{body}{check_of(body)}", f"{body}-{check_of(body)}")), "0123456789AX")


def card_numbers(seed: int, count: int) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(count):
        body = f"{chance.randrange(1, 10)}{chance.randrange(10**17):017}"[:chance.randrange(12, 19)]
        yield spoiled(chance, body + luhn.calc_check_digit(body), "0123456789")


def phones(seed: int, count: int) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(count):
        area = f"0{chance.choice((10, *range(20, 30), *range(300, 1000)))}"
        number = chance.choice((f"1{chance.randrange(3, 10)}{chance.randrange(10**9):09}", f"{area}{chance.randrange(10**8):08}",
                                f"{area}{chance.randrange(10**7):07}", f"{chance.choice((400, 800))}{chance.randrange(10**7):07}"))
        yield spoiled(chance, number, "0123456789")
