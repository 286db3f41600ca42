"""A fix of a value inside a field changes that place and nothing else, byte for byte, whatever types stand around it."""

import json
from random import Random
from typing import Any

import pytest

from schemas.codec import EventScanner
from schemas.contract import check_dataset, event_schema
from schemas.control import Dataset
from schemas.rules import compile_rules
from tests.schemas.random_avro import Plain, Schemas, text

SEEDS = 400
NOW = 1_767_225_600_000
#: Where rules are given, by what they are given: as it came, and as it shall be.
TEXTS = [("示例", "示例"), (" 示例", "示例"), ("x" * 62 + "  ", "x" * 62), ("a", "a")]


class Around(Schemas):
    """Draws a field of any types with one text somewhere inside that has rules."""

    def field(self) -> tuple[Any, str]:
        """The field's type, and the path of the text."""
        kind: Any = {"type": "string", "ruled": True}
        path = ""
        for _ in range(self._rng.randint(1, 3)):
            match self._rng.choice(["record", "record", "array", "map", "null"]):
                case "record":
                    beside = [{"name": f"b{number}", "type": self.kind(2, ())} for number in range(self._rng.randint(0, 4))]
                    kind = {"type": "record", "name": self._name("D"), "fields": [*beside, {"name": "t", "type": kind}]}
                    self._rng.shuffle(kind["fields"])
                    path = f".t{path}"
                case "array":
                    kind, path = {"type": "array", "items": kind}, f"[]{path}"
                case "map":
                    kind, path = {"type": "map", "values": kind}, f"{{}}{path}"
                case _ if not isinstance(kind, list):
                    kind = ["null", kind] if self._rng.random() < 0.5 else [kind, "null"]
        return kind, path

    def dataset(self) -> tuple[Dataset, Any]:
        while True:
            self._names = 0
            kind, path = self.field()
            row = {"type": "record", "name": "Thing", "fields": [{"name": "k", "type": "string"}, {"name": "f", "type": kind}]}
            dataset = Dataset(id="a.thing", title="t", provider="a", key=("k",), event_schema=1, row_schema=json.dumps(row),
                              rules={f"f{path}": ("blanks",)})
            if path and not check_dataset(dataset):
                return dataset, row


class Spelling(Plain):
    """Spells the texts that have rules as they come or as they shall be; all else in ways that no reader would write again."""

    def __init__(self, rng: Random, schema: Any, mended: bool) -> None:
        super().__init__(rng, schema)
        self._mended = mended
        self.fixed = 0

    def _leaf(self, kind: str, node: Any) -> bytes:
        if "ruled" in node:
            given = self.rng.choice(TEXTS)
            self.fixed += given[0] != given[1]
            return text(given[self._mended])
        if kind in ("float", "double"):
            return self.rng.choice([b"\1\0\x80\x7f", b"\0\0\xc0\xff"]) if kind == "float" else b"\1\0\0\0\0\0\xf0\x7f"
        return super()._leaf(kind, node)

    def unscaled(self, value: int, size: int) -> bytes:
        digits = super().unscaled(value, size)
        return digits if size > 1 else (b"\xff" if value < 0 else b"\0") * self.rng.randint(0, 2) + digits


@pytest.mark.parametrize("part", range(4))
def test_a_fix_changes_the_place_it_names_and_no_other_byte(part: int) -> None:
    fixes = 0
    for seed in range(part * SEEDS, (part + 1) * SEEDS):
        dataset, row = Around(Random(seed)).dataset()
        scanner = EventScanner(event_schema(dataset.id, dataset.row_schema), 1)
        judge = compile_rules(dataset, scanner).judge
        spellings = [Spelling(Random(seed), row, mended) for mended in (False, True)]
        for _ in range(3):
            given, wanted = (scanner.split(spelling.spell(row)) for spelling in spellings)
            told = judge(given, NOW)
            assert told.row == wanted, f"seed {seed}"
            assert (told.fixed, told.rejected) == (given != wanted, False)
        assert sum(told.severity == "fix" for told in told.findings) <= spellings[0].fixed
        fixes += spellings[0].fixed
    assert fixes > SEEDS
