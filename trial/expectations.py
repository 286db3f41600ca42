"""What the departments know of their own work, held against what the oracle found on raw: so much, no more and no less."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from trial.oracle import Verdict

__all__ = ["REASONS", "Said", "check_registers", "check_said", "check_total"]

#: What a rude program does -> the reason for which it is refused.
REASONS = {
    "noise": "undecodable", "torn": "undecodable", "wrong_magic": "undecodable", "trailing": "undecodable",
    "unknown_schema": "unknown_schema", "foreign_stream": "foreign_stream", "foreign_schema": "foreign_schema",
    "foreign_key": "key_mismatch", "unclean_key": "key_not_canonical", "far_ahead": "position_jump",
}


class Said(NamedTuple):
    """What a program meant by what it published: how often each kind, and of which stream it repeats itself.

    `values` were acknowledged and are no tombstones; `refused` never left the program, being too large.
    """

    intended: frozenset[str]
    kinds: Counter[str]
    values: int
    refused: int
    stream: str


def check_registers(expected: Mapping[str, Mapping[str, int]], verdict: Verdict) -> None:
    """Departments know how many changes they made and how many of their rows they spoiled, register by register."""
    for stream, fates in expected.items():
        for what, count in fates.items():
            found = verdict.streams[stream, what]
            if found != count:
                kind = "lost" if found < count else "duplicated"
                verdict.problems.add(kind, f"{stream}: {found} {what} where its department knows of {count}", abs(found - count))


def check_said(said: Said, verdict: Verdict) -> None:
    """Everything the program means to do was done, and came to what it must."""
    for kind in sorted(said.intended):
        if not said.kinds[kind]:
            verdict.problems.add("lost", f"{said.stream}: its program never did `{kind}`")
    found = Counter[str]()
    for (_, reason), count in verdict.reasons.items():
        found[reason] += count
    meant = Counter[str]()
    for kind, reason in REASONS.items():
        meant[reason] += said.kinds[kind]
    for reason, count in meant.items():
        if found[reason] < count:
            verdict.problems.add("lost", f"{said.stream}: {found[reason]} {reason} where its program meant {count}", count - found[reason])
    late = sum(figures["timeliness"].flawed for figures in verdict.books.figures().values())
    if late < said.kinds["next_epoch"]:
        verdict.problems.add("lost", f"{said.stream}: {late} late where its program meant {said.kinds['next_epoch']}",
                             said.kinds["next_epoch"] - late)
    if said.kinds["repeat"] and not verdict.streams[said.stream, "duplicate"]:
        verdict.problems.add("duplicated", f"{said.stream}: its program repeats itself and no repeat was found")
    if said.refused != said.kinds["oversized"]:
        verdict.problems.add("wrong_content", f"{said.stream}: {said.refused} of {said.kinds['oversized']} oversized records were refused")


def check_total(expected: Mapping[str, Mapping[str, int]], said: Said, verdict: Verdict) -> None:
    """Nothing is on raw but what the registers' connectors and the program put there."""
    known = sum(fates["published"] for fates in expected.values()) + said.values
    found = verdict.books.total("arrived")
    if found != known:
        verdict.problems.add("lost" if found < known else "duplicated", f"{found} values on raw where {known} were published",
                             abs(found - known))
