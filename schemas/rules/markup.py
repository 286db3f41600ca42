"""markup: no HTML in a text: tags go, entities become the characters they stand for, and what could run is refused."""

import html
import re

from schemas.reasons import Reason
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject
from schemas.text import Text

__all__ = ["markup"]

_INLINE = "a|abbr|b|big|center|cite|code|em|font|i|img|ins|label|mark|o:p|q|s|small|span|strike|strong|sub|sup|tt|u"
_BLOCK = ("address|article|blockquote|body|br|caption|col|colgroup|dd|div|dl|dt|footer|form|h[1-6]|head|header|hr|html|input|li|main|"
          "meta|nav|ol|option|p|pre|section|select|table|tbody|td|textarea|tfoot|th|thead|title|tr|ul")
_REST = r"(?:\s[^<>]*)?/?>"
_WORDS = re.compile(rf"</?(?:{_INLINE}){_REST}", re.IGNORECASE | re.ASCII)
_LINES = re.compile(rf"(?:</?(?:{_BLOCK}){_REST}|<!--[^>]*-->|<!doctype[^<>]*>)+", re.IGNORECASE | re.ASCII)
_ACTIVE = re.compile(r"</?(?:script|style|iframe|object|embed|svg|link|base)(?:[\s/>]|\Z)|<[^<>]*\son[a-z]+\s*=|javascript:\s*\S",
                     re.IGNORECASE | re.ASCII).search
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")


@rule(
    title=Text("去 HTML 标记", "no HTML"),
    clause="names of elements and entities: the HTML standard, entities as Python's html.entities lists them",
    reasons={"markup": Reason(Text("含 HTML 标记或字符实体", "has HTML tags or entities"),
                              Text("已去除或还原，无需处理", "taken away or resolved, nothing to do")),
             "markup_active": Reason(Text("含脚本等可执行的 HTML", "has HTML that could run, such as a script"),
                                     Text("检查该记录的来源，去除后重新发送",
                                          "see where the record comes from, take it out and send again"))},
    examples=(Example("示例<br/>路<b>1</b>号", fix("示例 路1号", "markup")), Example("甲&amp;乙&nbsp;丙", fix("甲&乙\u00a0丙", "markup")),
              Example("&amp;lt;p&amp;gt;示例", fix(" 示例", "markup")), Example("<script>alert(1)</script>", reject("markup_active")),
              Example('<img src="x" onerror="y()">', reject("markup_active")), Example("&lt;script&gt;", reject("markup_active")),
              Example("AT&T，a<b，《示例》<甲>", KEEP), Example("&unknown;", KEEP)),
    pack="text")
def markup() -> Check:
    """Tags of text go, those that part lines become a blank, entities become characters; scripts and handlers are refused."""
    active = reject("markup_active")

    def check(text: str) -> Verdict:
        if "<" not in text and "&" not in text and ":" not in text:
            return KEEP
        plain, before = text, ""
        while plain != before:
            if _ACTIVE(plain):
                return active
            before = plain
            plain = _ENTITY.sub(_resolved, _WORDS.sub("", _LINES.sub(" ", plain)))
        return KEEP if plain == text else fix(plain, "markup")

    return check


def _resolved(entity: re.Match[str]) -> str:
    """The characters of an entity; one that stands for none stays as it is."""
    character = html.unescape(entity[0])
    return entity[0] if "\ufffd" in character or not character else character
