"""The rules on texts, values and several values at once, written a second time.

A rule takes a text and its options as written. One across values takes the texts of the other fields behind its own.
"""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from trial.oracle.said import Said

__all__ = ["ACROSS", "VALUES", "Across"]

_SHANGHAI = dt.timezone(dt.timedelta(hours=8))


class Across(NamedTuple):
    """A rule across values: which of its options name other fields, and the word on all the texts."""

    others: tuple[str, ...]
    word: Callable[[Sequence[str], Mapping[str, str]], Said]


def _range(value: str, options: Mapping[str, str], arrived: int) -> Said:
    if not re.fullmatch(r"[+-]?[0-9]{1,60}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,3})?", value):
        return Said(value, "no_number", "reject")
    then = options.get("then", "reject")
    if "min" in options and Decimal(value) < Decimal(options["min"]):
        return Said(value, "too_small", then)
    if "max" in options and Decimal(value) > Decimal(options["max"]):
        return Said(value, "too_large_number", then)
    return Said(value)


def _after(texts: Sequence[str], options: Mapping[str, str]) -> Said:
    own, other = (_moment(text) for text in texts)
    if own is None or other is None:
        return Said(texts[0])
    if isinstance(own, dt.datetime) and isinstance(other, dt.datetime):
        ahead, level = own > other, own == other
    else:
        here, there = (one.astimezone(_SHANGHAI).date() if isinstance(one, dt.datetime) else one for one in (own, other))
        ahead, level = here > there, here == there
    if ahead or (level and options.get("same") == "allowed"):
        return Said(texts[0])
    return Said(texts[0], "order", options.get("then", "reject"))


def _moment(text: str) -> dt.date | None:
    """A day, or an instant; a time without a zone is China's."""
    day, clock, zone = "[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.([0-9]{3}){1,2})?)?", "(Z|[+-][0-9]{2}:[0-9]{2})?"
    if not re.fullmatch(f"{day}([T ]{clock}{zone})?", text):
        return None
    try:
        if len(text) == 10:
            return dt.date(*map(int, text.split("-")))
        at = dt.datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=_SHANGHAI)
        at.astimezone(_SHANGHAI)
        return at
    except (ValueError, OverflowError):
        return None


def _unique(texts: Sequence[str], options: Mapping[str, str]) -> Said:
    items = json.loads(texts[0])
    for name in options.get("by", "").split("."):
        if name:
            items = [None if item is None else item[name] for item in items]
    items = [json.dumps(item, sort_keys=True) for item in items if item is not None]
    repeated = any(item in items[:number] for number, item in enumerate(items))
    return Said(texts[0], "repeated", options.get("then", "reject")) if repeated else Said(texts[0])


def _agrees_with_id(texts: Sequence[str], options: Mapping[str, str]) -> Said:
    own, number = texts
    part = options.get("part", "birth")
    if not re.fullmatch("[0-9]{17}[0-9X]", number):
        return Said(own)
    if part == "birth":
        agrees = not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", own) or own.replace("-", "") == number[6:14]
    elif part == "sex":
        male = int(number[16]) % 2 == 1
        agrees = own not in (("2", "女", "女性") if male else ("1", "男", "男性"))
    else:
        # A foreigner's card: 9, the province, the country; permits of Hong Kong, Macao and Taiwan tell no province.
        province = number[1:3] if number[0] == "9" and number[:2] != own[:2] else number[:2]
        agrees = not own[:2].isdigit() or own[:2] == province or number[0] == "8"
    usual = "suspect" if part == "division" else "reject"
    return Said(own) if agrees else Said(own, f"id_other_{part}", options.get("then", usual))


_HALF = {number: chr(number - 0xFEE0) for number in range(0xFF01, 0xFF5F)}
_NOTHING = {
    "slashes": "/ // /// \\ - -- --- — —— _ __ . .. ... … …… * ** *** **** ? ?? ??? ???? #",
    "words": "xx xxx xxxx n/a na nan #n/a #ref! #value! #name? "
             "null (null) [null] <null> none nil undefined unknown test 无 无。 无无 没有 空 空白 "
             "不详 未详 不明 未知 暂无 暂缺 暂不详 不清楚 不知道 待定 待补 待补充 待查 待核实 未填 未填写 未提供 未登记 未录入 同上 测试",
    "days": "1900-01-01 1900/1/1 1900-1-1 19000101 1899-12-30 1899-12-31 0001-01-01 00010101 0000-00-00 00000000"}


def _placeholder(value: str, options: Mapping[str, str], arrived: int) -> Said:
    bare = _bare(value).lower()
    also = {_bare(word).lower() for word in options.get("also", "").split("|")} - {""}
    words = also.union(*(kind.split() for kind in _NOTHING.values()))
    digits = bare.isascii() and bare.isdigit()
    filled = digits and ((len(set(bare)) == 1 and len(bare) >= 6) or bare in ("123456789", "1234567890", "123456789012345678"))
    midnight = re.fullmatch(r"(1900-01-01|0001-01-01|1899-12-3[01])[T ]00:00:00(\.0+)?(Z|[+-][0-9]{2}:[0-9]{2})?", bare)
    if len(value) > 32 or not (bare in words or filled or midnight):
        return Said(value)
    then = options.get("then", "null")
    return Said(None, "placeholder", "fix") if then == "null" else Said(value, "placeholder", then)


def _bare(text: str) -> str:
    return text.translate(_HALF).strip()


def _money(value: str, options: Mapping[str, str], arrived: int) -> Said:
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?", value):
        return Said(value)
    text = "".join(value.split()).translate(_HALF)
    read = (_sum_in_digits(text) or _sum_in_capitals(text)) if len(value) <= 60 else None
    return Said(value, "money", "reject") if read is None else Said(read, "money_form", "fix")


def _sum_in_digits(text: str) -> str | None:
    minus = text.startswith("-")
    text = text.removeprefix("-")
    for sign in ("人民币", "RMB", "CNY", "￥", "¥"):
        if text.startswith(sign):
            text = text[len(sign):]
            break
    if not minus and text.startswith("-"):
        minus, text = True, text[1:]
    text = re.sub("(元|圆|RMB|CNY)?[整正]?$", "", text)
    match = re.fullmatch(r"([0-9]{1,18}|[0-9]{1,3}(?:,[0-9]{3}){1,5})(\.[0-9]{1,6})?(百万|千万|[百千万亿])?", text)
    if match is None:
        return None
    number = Decimal(match[1].replace(",", "") + (match[2] or ""))
    for unit in match[3] or "":
        number *= {"百": 100, "千": 1000, "万": 10000, "亿": 100000000}[unit]
    told = f"{number:f}"
    if match[3] and "." in told:
        told = told.rstrip("0").rstrip(".")
    return f"-{told}" if minus else told


def _sum_in_capitals(text: str) -> str | None:
    """Read by its grammar, from the left: 亿, 万, yuan, jiao, fen."""
    text = re.sub("^(人民币)?(大写)?:?", "", text)
    digits = {one: number for number, group in enumerate(("", "壹", "贰貳", "叁參", "肆", "伍", "陆陸", "柒", "捌", "玖")) for one in group}
    one = "[壹贰貳叁參肆伍陆陸柒捌玖]"
    places = ((8, "亿億"), (4, "万萬"), (0, "元圆圓"))
    section = f"(?:{one}[仟千])?(?:零?{one}[佰百])?(?:零?{one}?[拾十])?(?:零?{one})?"
    total, rest = Decimal(0), text
    for exponent, signs in places:
        match = re.match(f"({section if exponent == 8 else f'零?{section}'})[{signs}]", rest)
        if match is None:
            if exponent == 0:
                return None
            continue
        number, digit = 0, None
        for sign in match[1]:
            if sign in "仟千佰百拾十":
                number += (1 if digit is None else digit) * {"仟": 1000, "千": 1000, "佰": 100, "百": 100, "拾": 10, "十": 10}[sign]
                digit = None
            elif sign not in "零〇":
                digit = digits[sign]
        number += digit or 0
        if exponent and match[1].strip("零") == "":
            return None
        if not exponent and match[1] == "" and rest == text:
            return None
        total += number * Decimal(10) ** exponent
        rest = rest[match.end():]
    match = re.fullmatch(f"(?:零?({one})角)?(?:零?({one})分)?[整正]?", rest)
    if match is None:
        return None
    total += sum(Decimal(digits[sign]).scaleb(-place) for place, sign in enumerate(match.groups(), 1) if sign)
    told = f"{total:f}"
    return told.rstrip("0").rstrip(".") if "." in told else told


def _date(value: str, options: Mapping[str, str], arrived: int) -> Said:
    text = _bare(value)
    parts, serial = _day_parts(text), re.fullmatch(r"([2-5][0-9]{4}|60000)(\.0+)?", text)
    if parts is None and serial is None:
        return Said(value, "date_form", "reject")
    try:
        day = dt.date(*parts) if parts else dt.date(1899, 12, 30) + dt.timedelta(int(serial[1] if serial else 0))
    except ValueError:
        return Said(value, "date", "reject")
    today = dt.datetime.fromtimestamp(arrived / 1000, _SHANGHAI).date()
    if (options.get("not_after") == "arrival" and day > today) or ("not_before" in options and day.isoformat() < options["not_before"]):
        return Said(value, "date", "reject")
    if not parts:
        return Said(value, "date_serial", "suspect", day.isoformat())
    return Said(value) if day.isoformat() == value else Said(day.isoformat(), "date_form", "fix")


def _day_parts(text: str) -> tuple[int, int, int] | None:
    """Year, month and day as they are spelt, existing or not."""
    clock = r"((\s*T|\s)\s*([01]?[0-9]|2[0-4]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?)?"
    for day in (r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})",
                r"(?P<y>[0-9]{4})\s*[-/.]\s*(?P<m>[0-9]{1,2})\s*[-/.]\s*(?P<d>[0-9]{1,2})",
                r"(?P<y>[0-9]{4})\s*年\s*(?P<m>[0-9]{1,2})\s*月\s*(?P<d>[0-9]{1,2})\s*[日号]?"):
        match = re.fullmatch(day + clock, text)
        if match:
            return int(match["y"]), int(match["m"]), int(match["d"])
    moment = _moment(text)
    if isinstance(moment, dt.datetime) and re.search(r"(Z|[+-][0-9]{2}:[0-9]{2})\Z", text) and len(text) > 16:
        there = moment.astimezone(_SHANGHAI).date()
        return there.year, there.month, there.day
    match = re.fullmatch("([〇零○一二三四五六七八九]{4})年([一二三四五六七八九十]{1,3})月([一二三四五六七八九十]{1,3})[日号]?", text)
    if match is None:
        return None
    year = int("".join(str("〇一二三四五六七八九".index(one.replace("零", "〇").replace("○", "〇"))) for one in match[1]))
    month, day_of_month = _SMALL.get(match[2]), _SMALL.get(match[3])
    return None if month is None or day_of_month is None else (year, month, day_of_month)


_ONES = ["", *"一二三四五六七八九"]
#: 1 to 39 as Chinese writes them; 一十 for 10 too.
_SMALL = {f"{tens}{'十' if number > 9 else ''}{_ONES[number % 10]}": number for number in range(1, 40)
          for tens in (("", "一") if 9 < number < 20 else (_ONES[number // 10],))}


def _date_time(value: str, options: Mapping[str, str], arrived: int) -> Said:
    text = _bare(value)
    packed = re.fullmatch("([0-9]{8})T?([0-9]{6})", text)
    if packed:
        day, clock = packed.groups()
        text = f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}"
    match = re.fullmatch(
        r"(\d{4})\s*(?:[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{1,2})|年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号])(?:T|\s*)(\d{1,2})\s*[:时点]\s*(\d{1,2})"
        r"(?:\s*[:分]\s*(\d{1,2}))?(?:\.(\d{1,6})\d*)?\s*[秒分]?\s*(Z|[+-]\d{2}:?\d{2})?".replace(r"\d", "[0-9]"), text)
    if match is None:
        if re.fullmatch("[1-9][0-9]{9}([0-9]{3})?", text):
            millis = int(text.ljust(13, "0"))
            if millis > arrived and options.get("not_after") == "arrival":
                return Said(value, "time", "reject")
            at = dt.datetime.fromtimestamp(millis // 1000, _SHANGHAI) + dt.timedelta(milliseconds=millis % 1000)
            return Said(value, "time_since", "suspect", at.isoformat(timespec="milliseconds" if at.microsecond else "seconds"))
        return Said(value, "time_form", "reject")
    year, month, day, hour, minute, second = [*(part for part in match.groups()[:8] if part is not None), "0"][:6]
    fraction, zone = match[9] or "", match[10] or "+08:00"
    zone = zone if zone == "Z" or ":" in zone else f"{zone[:3]}:{zone[3:]}"
    try:
        ahead = dt.timedelta(0) if zone == "Z" else int(f"{zone[0]}1") * dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
        at = dt.datetime(*map(int, (year, month, day, hour, minute, second, fraction.ljust(6, "0"))), tzinfo=dt.timezone(ahead))  # type: ignore[arg-type,misc]
    except ValueError:
        return Said(value, "time", "reject")
    late = at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC) > dt.timedelta(milliseconds=arrived)
    if zone[4:] > "59" or (late and options.get("not_after") == "arrival"):
        return Said(value, "time", "reject")
    clock = f"{int(hour):02}:{int(minute):02}:{int(second):02}"
    told = f"{year}-{int(month):02}-{int(day):02}T{clock}{f'.{fraction}' if fraction else ''}{zone}"
    return Said(value) if told == value else Said(told, "time_form", "fix")


#: Rules on one value by name.
VALUES: dict[str, Callable[[str, Mapping[str, str], int], Said]] = {
    "range": _range, "placeholder": _placeholder, "money": _money, "date": _date, "date_time": _date_time}
#: Rules across values by name.
ACROSS: dict[str, Across] = {
    "after": Across(("field",), _after), "unique": Across((), _unique), "agrees_with_id": Across(("id",), _agrees_with_id)}
