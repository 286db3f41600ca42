"""Every reason the streams turn an event away for has words, and no words are left without a reason."""

import ast
import re
from pathlib import Path

import streams
from schemas.reasons import BUS_REASONS
from schemas.rules import REASONS, RULES

ROOM = Path(streams.__file__).parent


def said(source: str) -> set[str]:
    """Every text of a source's functions and classes that reads as a reason code: words joined by `_`."""
    bodies = [node for node in ast.parse(source).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    texts = {node.value for body in bodies for node in ast.walk(body) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[a-z]+(_[a-z]+)+", text)}


def test_every_reason_code_of_the_streams_has_words() -> None:
    codes = set().union(*(said((ROOM / name).read_text(encoding="utf-8")) for name in ("clean.py", "route.py", "letters.py")))
    others = {code for code in codes if code not in REASONS}
    # Stages of the books are no reasons.
    assert others <= {"held_back", "returned_up", "returned_down"}
    assert {"foreign_schema", "foreign_stream", "key_mismatch", "row_missing", "row_unexpected", "position_jump",
            "unknown_schema", "too_large"} <= codes


def test_no_words_are_kept_for_a_reason_that_nobody_gives() -> None:
    folders = (ROOM, ROOM.parent / "schemas")
    sources = [path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py") if path.name != "reasons.py"]
    for code in BUS_REASONS:
        assert any(f'"{code}"' in source for source in sources), code


def test_a_rule_and_the_bus_never_mean_different_things_by_one_code() -> None:
    codes = [code for rule in RULES.values() for code in rule.reasons]
    assert len(codes) == len(set(codes))
    assert not BUS_REASONS.keys() & set(codes)
