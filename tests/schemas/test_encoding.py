"""encoding: every case of the table, nothing clean touched, and of what is damaged on purpose nothing repaired wrongly."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rules import use_of
from schemas.rules.verdict import KEEP, Verdict
from tests.schemas.damage import DAMAGE, damaged
from trial.city.places import areas, villages
from trial.city.residents import Population

CHECK = use_of("encoding").check


class Case(NamedTuple):
    """A line of the table: what is given, what is said of it, and how it came to be."""

    given: str
    severity: str
    reason: str
    repaired: str
    original: str
    damage: str


def cases() -> Iterator[Case]:
    """The table; what cannot be seen stands there as an escape."""
    table = (files("schemas.rules") / "data" / "encoding.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        given = re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), row.pop("given"))
        yield Case(given, **row)


CASES = list(cases())

#: Rare characters, minorities' and foreigners' names, signs, other scripts, and words that look like damage and are none.
SPECIAL = [
    "䶮㛃", "𠀾村", "张㛃", "李龘", "王堃", "赵喆", "孙翀", "陈涓", "鐧", "屯溪区屯光镇", "头屯河区", "烫金厂", "滚烫", "拉萨河",
    "滢溟", "鸬鹚乡", "旮旯村", "渌渚镇", "瞿昙镇", "崆峒镇", "砣矶镇", "买买提·吐尔逊", "阿卜杜热合曼·阿布都热依木",
    "古丽努尔·买买提江", "扎西·次仁", "Müller", "Øystein_Ås", "São_Paulo", "François_Lefèvre", "Zoë", "Ñandú", "Ångström",
    "naïve", "ДОМ_5", "Иванов", "Γεώργιος", "ひらがな", "カタカナ", "한글", "العربية", "25°C±2", "№1", "㎡100", "①②③", "（一）",
    "“引号”", "‘单’", "1，2、3；4：5。", "東街十二號", "臺灣", "é", "à", "ü", "«Voilà»", "CAFÉ»", "🏠六安", "👩\u200d🚒消防",
    "12.5万元", "A座3-502室", "HTML&amp;", "︰", "〇", "二〇二六年", "３－５", "α粒子", "β", "5×10", "÷", "¥100", "£5", "€20",
    "©2026", "®", "™", "½", "¼", "±", "µm",
]


def clean() -> Iterator[str]:
    """Names, addresses, places and all that is special: more than ten thousand texts of which none is damaged."""
    yield from (text.replace("_", " ") for text in SPECIAL)
    yield from (name for village in villages() for name in (village.name, village.street, village.area))
    yield from areas()
    for person in islice(Population(11), 6000):
        yield person.name
        yield person.address
        yield f"{person.name}，{'男' if person.sex == '1' else '女'}，住{person.address}。"


CLEAN = sorted(set(clean()))


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case.damage}" for number, case in enumerate(CASES)])
def test_a_case_of_the_table_is_told_as_it_says(case: Case) -> None:
    expected = KEEP if case.severity == "keep" else Verdict(case.severity, case.reason, case.repaired)  # type: ignore[arg-type]
    assert CHECK(case.given) == expected
    assert damaged(case.original, case.damage) == case.given
    if case.severity == "fix":
        assert case.repaired == case.original


def test_the_table_has_cases_of_every_damage_and_of_every_word() -> None:
    assert len([case for case in CASES if case.damage != "none"]) >= 40
    assert {case.damage for case in CASES} == DAMAGE.keys()
    assert {case.severity for case in CASES} == {"keep", "fix", "suspect", "reject"}
    shifted = next(case for case in CASES if case.damage == "GBK from its second byte on")
    assert (shifted.original, shifted.reason) == ("工作。目前", "encoding_doubt")


def test_of_ten_thousand_clean_texts_none_is_touched_or_doubted() -> None:
    assert len(CLEAN) >= 10_000
    assert {text: CHECK(text) for text in CLEAN if CHECK(text) is not KEEP} == {}


@pytest.mark.parametrize("how", [how for how in DAMAGE if how != "none"])
def test_a_damaged_text_is_never_repaired_into_another(how: str) -> None:
    told = Counter[str]()
    for text in CLEAN[::7]:
        given = damaged(text, how)
        if given is not None and not given.isascii():
            verdict = CHECK(given)
            assert verdict.severity != "fix" or verdict.value == text
            if len(given) > 4:  # two or three characters leave too little to go by
                told["told" if verdict.severity else "missed"] += 1
    assert told["told"] >= 0.9 * told.total()


#: Characters as wrong readings leave them, so that what is drawn comes near to damage.
NEAR = st.text(st.characters(max_codepoint=0x17F) | st.sampled_from(
    "涓鍏畨閲戝瀹夊尯锛銆鐨Â·ÃåæäÖÐÎÄ中文。Ｄぷ鳌壳\ue15f\ufffd锟斤拷€–‡？"), max_size=12)


@given(NEAR | NEAR.map(lambda text: damaged(text, "UTF-8 read as Windows-1252") or text) | st.text(max_size=20))
def test_any_text_is_judged_and_a_repaired_one_needs_no_second_repair(text: str) -> None:
    verdict = CHECK(text)
    if verdict.severity == "fix":
        assert CHECK(verdict.value or "").severity in ("", "suspect")


def test_what_a_repair_gives_encodes_to_the_bytes_that_were_read() -> None:
    for case in CASES:
        if case.severity == "fix" and case.damage in ("UTF-8 read as GB 18030", "UTF-8 read as Latin-1", "GBK read as Latin-1"):
            read, wrongly = {"UTF-8 read as GB 18030": ("utf-8", "gb18030"), "UTF-8 read as Latin-1": ("utf-8", "latin-1"),
                             "GBK read as Latin-1": ("gbk", "latin-1")}[case.damage]
            assert CHECK(case.given).value.encode(read) == case.given.encode(wrongly)  # type: ignore[union-attr]
