"""The rules on texts, written a second time, character by character where the bus has patterns."""

import html
import re
from collections.abc import Callable, Mapping
from unicodedata import category

from trial.oracle.encoding import encoding
from trial.oracle.said import Said

__all__ = ["TEXTS"]

_LETTERS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code - 0xFEE0).isalnum()}
_HIDDEN = {0xAD, 0x61C, 0x180E, 0x200B, 0x200C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x2070),
           0xFEFF, *range(0xFFF9, 0xFFFC)}
_DOTS = "·•․‧∙⋅●⸱・．･"


def _control_characters(value: str, options: Mapping[str, str], arrived: int) -> Said:
    shown = "".join(one for one in value if not ((ord(one) < 32 and one not in "\t\n\r") or 127 <= ord(one) < 160))
    shown = _shown(shown)
    if options.get("lines") != "keep":
        shown = re.sub("[\t\n\r\u2028\u2029]+", " ", shown)
    return Said(value) if shown == value else Said(shown, "control", "fix")


def _shown(text: str) -> str:
    """Without what nobody sees; a joiner stays before an emoji."""
    kept = []
    for place, one in enumerate(text):
        behind = text[place + 1:place + 2]
        joins = bool(behind) and ("\u2600" <= behind <= "\u27bf" or "\U0001f000" <= behind <= "\U0001faff")
        if ord(one) not in _HIDDEN and (one != "\u200d" or joins):
            kept.append(one)
    return "".join(kept)


_INLINE = {
    "a", "abbr", "b", "big", "center", "cite", "code", "em", "font", "i", "img", "ins", "label", "mark", "o:p", "q",
    "s", "small", "span", "strike", "strong", "sub", "sup", "tt", "u"}
_BLOCK = {
    "address", "article", "blockquote", "body", "br", "caption", "col", "colgroup", "dd", "div", "dl", "dt", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "input", "li", "main", "meta", "nav",
    "ol", "option", "p", "pre", "section", "select", "table", "tbody", "td", "textarea", "tfoot", "th", "thead",
    "title", "tr", "ul"}
_RUNS = {"script", "style", "iframe", "object", "embed", "svg", "link", "base"}


def _markup(value: str, options: Mapping[str, str], arrived: int) -> Said:
    text = value
    while True:
        if _could_run(text):
            return Said(value, "markup_active", "reject")
        plain = _entities(_without(_without(text, _BLOCK, " ", comments=True), _INLINE, "", comments=False))
        if plain == text:
            break
        text = plain
    return Said(value) if text == value else Said(text, "markup", "fix")


def _without(text: str, names: set[str], instead: str, comments: bool) -> str:
    """Tags of these names replaced, several in a row by one."""
    told, open_row = "", False
    for number, part in enumerate(re.split("(<!--[^>]*-->|<[^<>]*>)", text)):
        name = re.match(r"(?a)</?([a-z0-9:]+)(?:\s[^<>]*)?/?>\Z", _low(part))
        remark = comments and (part.startswith("<!--") or _low(part).startswith("<!doctype"))
        if number % 2 and (remark or (name and name[1] in names)):
            told += "" if open_row else instead
            open_row = True
        else:
            told += part
            open_row = open_row and not part
    return told


def _low(text: str) -> str:
    """Capitals of ASCII as small letters; others that fold to ASCII are none."""
    return text.translate({code: code + 32 for code in range(65, 91)})


def _could_run(text: str) -> bool:
    low = _low(text)
    named = any(re.match(r"(?a)[\s/>]|\Z", low[tag.end():]) for tag in re.finditer("</?(?:" + "|".join(sorted(_RUNS)) + ")", low))
    return named or bool(re.search(r"(?a)<[^<>]*\son[a-z]+\s*=|javascript:\s*\S", low))


def _entities(text: str) -> str:
    def told(entity: re.Match[str]) -> str:
        character = html.unescape(entity[0])
        return character if character and "\ufffd" not in character else entity[0]

    return re.sub("&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});", told, text)


def _name(value: str, options: Mapping[str, str], arrived: int) -> Said:
    text = _shown(value).translate(_LETTERS)
    text = re.sub(rf"\s*[{_DOTS}]+\s*", "·", text)
    while (pointed := re.sub(r"([㐀-鿿])\s*[.。]\s*([㐀-鿿])", r"\1·\2", text)) != text:
        text = pointed
    text = _closed(text).strip("· ")
    for one in text:
        rare = one == "〇" or 0xE000 <= ord(one) <= 0xF8FF
        if one.isprintable() and not (one.isalpha() or one.isspace() or rare or one in "· .'-’" or category(one).startswith("M")):
            return Said(value, "name_odd", "suspect", text if text != value else "")
    return Said(value) if text == value else Said(text, "name_form", "fix")


def _closed(text: str) -> str:
    """Blanks beside Chinese go, others become one."""
    words = text.split()
    closed = words[0] if words else ""
    for word in words[1:]:
        closed += word if _wide(closed[-1]) or _wide(word[0]) else f" {word}"
    return closed


def _wide(one: str) -> bool:
    return one == "·" or "\u2e80" <= one <= "\u9fff" or "\uf900" <= one <= "\ufaff" or "\uff00" <= one <= "\uffef" or \
        "\U00020000" <= one <= "\U0003ffff"


def _address(value: str, options: Mapping[str, str], arrived: int) -> Said:
    text = _closed(_shown(value).translate(_LETTERS))
    while (once := _once(text)) != text:
        text = once
    if text and not any("\u3400" <= one <= "\u9fff" or "\U00020000" <= one <= "\U0003ffff" for one in text):
        return Said(value, "address_odd", "suspect", text if text != value else "")
    return Said(value) if text == value else Said(text, "address_form", "fix")


def _once(text: str) -> str:
    """Divisions that are named again at once, named once; from left to right, the shortest first."""
    place = 0
    while place < len(text):
        if place == 0 or text[place - 1] in "省市区县州盟旗" or not "\u4e00" <= text[place - 1] <= "\u9fff":
            for size in range(2, 16):
                part = text[place:place + size]
                if len(part) < size or not all("\u4e00" <= one <= "\u9fff" for one in part):
                    break
                if part[-1] in "省市区县州盟旗" and text.startswith(part, place + size):
                    end = place + size
                    while text.startswith(part, end):
                        end += size
                    text = text[:place + size] + text[end:]
                    # The next repetition begins behind this one.
                    place += size - 1
                    break
        place += 1
    return text


#: Rules on texts by name.
TEXTS: dict[str, Callable[[str, Mapping[str, str], int], Said]] = {
    "control_characters": _control_characters, "markup": _markup, "name": _name, "address": _address, "encoding": encoding}
