"""How every command prints: one table of rows as a table, JSON or CSV. Errors go to stderr with their advice."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.errors import BusError
from schemas.text import Text

__all__ = ["Format", "print_error", "print_note", "print_rows"]

_WIDE = 500


class Format(StrEnum):
    """`-o`: what the output looks like. JSON is a list of objects; CSV has a header line, and lists in it as JSON."""

    table = "table"
    json = "json"
    csv = "csv"


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Text], form: Format, *, title: Text | None = None) -> None:
    """Print rows; `columns` names the keys in order, with the heading each has in a table."""
    listed = [{key: row.get(key) for key in columns} for row in rows]
    if form is Format.json:
        sys.stdout.write(json.dumps(listed, ensure_ascii=False, indent=2, default=str) + "\n")
    elif form is Format.csv:
        sys.stdout.write(_csv(listed, list(columns)))
    else:
        _table(listed, columns, title)


def print_error(error: BusError) -> None:
    """The problem, and below it what to do."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"✗ {error.problem}", style="bold red", markup=False)
    console.print(f"  → {error.advice}", markup=False)


def print_note(text: Text) -> None:
    """A sentence for the person at the terminal; never on stdout, which belongs to the rows."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(str(text), markup=False)


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Text], title: Text | None) -> None:
    table = Table(title=str(title) if title else None, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0),
                  show_edge=False)
    for key, heading in columns.items():
        numeric = bool(rows) and all(isinstance(row[key], int | float) for row in rows)
        table.add_column(str(heading), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[key]) for key in columns))
    # A pipe has no width: nothing is folded there.
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "✓" if value else "✗"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.1f}"
        case list() | tuple():
            return escape(str(Text("、", ", ")).join(map(str, value)))
        case dict():
            return escape(json.dumps(value, ensure_ascii=False))
        case _:
            # Brackets are a value's own, not a style's.
            return escape(str(value))


def _csv(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=keys, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _plain(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _plain(value: Any) -> Any:
    """What a program can read back: a list, an object and a truth value as JSON."""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, bool | list | tuple | dict) else value
