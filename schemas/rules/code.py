"""code: a value of a code list; its title or a synonym becomes the code, a retired code is only suspect."""

from collections.abc import Iterable, Mapping

from schemas.codes import Code, CodeList, code_list
from schemas.errors import RejectError
from schemas.reasons import Reason
from schemas.rules.characters import half
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect
from schemas.text import Text

__all__ = ["code"]

_SEX, _PEOPLES, _SECTORS = "code(list=GB/T 2261.1)", "code(list=GB/T 3304)", "code(list=GB/T 4754)"


def _listed(name: str) -> CodeList:
    try:
        return code_list(name)
    except RejectError:
        raise ValueError(name) from None


def _folded(text: str) -> str:
    """Full-width forms as ASCII, no blanks, no case: what two spellings of one word share."""
    return "".join(half(text).split()).casefold()


def _names(codes: Iterable[Code]) -> Mapping[str, str]:
    """Folded titles and synonyms with the code they mean; a word that two codes share means neither."""
    meant: dict[str, set[str]] = {}
    for one in codes:
        for word in (one.code, one.title, one.title_en, *one.synonyms):
            if word:
                meant.setdefault(_folded(word), set()).add(one.code)
    return {word: min(means) for word, means in meant.items() if len(means) == 1}


@rule(
    title=Text("代码表取值", "a code of a code list"),
    clause="the code list named: its source stands in schemas/codes/lists.toml",
    reasons={"code_form": Reason(Text("写的是名称或别名，不是代码", "written as a title or synonym, not as the code"),
                                 Text("已换成代码，无需处理", "made the code, nothing to do")),
             "code_retired": Reason(Text("代码表旧版中的代码，现已停用", "a code of an earlier edition, no longer in use"),
                                    Text("核对记录的年代；记录照常流转", "look at the record's age; it goes on as it is")),
             "code_unlisted": Reason(Text("本系统的代码表不全，没有这个代码", "not in our copy of the list, which is not complete"),
                                     Text("对照标准原文核对；记录照常流转", "compare with the standard; the record goes on as it is")),
             "code_unknown": Reason(Text("不是代码表中的代码、名称或别名", "no code, title or synonym of the code list"),
                                    Text("用 shutong code show 查代码表，改正后重新发送",
                                         "look it up with shutong code show, correct it and send again"))},
    examples=(Example("1", KEEP, _SEX), Example("女", fix("2", "code_form"), _SEX), Example(" ２", fix("2", "code_form"), _SEX),
              Example("Ｍ", fix("1", "code_form"), _SEX), Example("3", reject("code_unknown"), _SEX),
              Example("", reject("code_unknown"), _SEX),
              Example("蒙古", fix("02", "code_form"), _PEOPLES), Example("97", suspect("code_unlisted"), _PEOPLES),
              Example("外星族", reject("code_unknown"), _PEOPLES),
              Example("C13", fix("13", "code_form"), _SECTORS), Example("开采辅助活动", fix("11", "code_form"), _SECTORS),
              Example("S90", suspect("code_retired"), _SECTORS),
              # Two codes of this list bear one title: it tells which of them no more.
              Example("中朝边境地区出入境通行证（中方）", reject("code_unknown"), "code(list=GA/T 2000.156)")),
    options={"list": _listed})
def code(list: CodeList) -> Check:
    """A code in use stays. Where our copy of the list is not complete, what looks like its codes is only suspect."""
    current = frozenset(one.code for one in list.current)
    retired = frozenset(one.code for one in list.retired)
    names = _names(list.current)
    lengths = frozenset(len(one) for one in current) if not list.complete else frozenset()
    unknown, unlisted, old = reject("code_unknown"), suspect("code_unlisted"), suspect("code_retired")

    def check(text: str) -> Verdict:
        if text in current:
            return KEEP
        if text in retired:
            return old
        meant = names.get(_folded(text))
        if meant is not None:
            return fix(meant, "code_form")
        return unlisted if len(text) in lengths and text.isascii() and text.isdigit() else unknown

    return check
