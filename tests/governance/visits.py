"""A dataset of its own schema in the small city: its fields, and how a test changes them."""

import json
from pathlib import Path
from typing import Any

VISIT = "health.visit"
KIND = {"type": "enum", "name": "Kind", "symbols": ["in", "out"]}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


FIELDS = [field("number", "string"), field("phone", ["null", "string"]), field("area", "string"), field("count", "int"),
          field("kind", KIND), field("seen", {"type": "long", "logicalType": "timestamp-millis"}), field("note", "string")]
FILES = {
    "datasets/health.visit.toml": 'schema = "visit.avsc"\ntitle = "就诊"\nkey = ["number"]\n',
    "subscriptions/tax.health.visit.toml":
        'fields = ["number", "phone", "count", "note"]\npurpose = "核验"\nmasks = { phone = { kind = "keep_last", n = 4 } }\n'
        'scope = [{ field = "area", op = "prefix", values = ["3415"] }]\n',
    "subscriptions/province.health.visit.toml":
        'fields = ["number", "kind", "note"]\npurpose = "上报"\nmasks = { note = { kind = "hmac" } }\n'}


def write(folder: Path, fields: list[dict[str, Any]]) -> None:
    text = json.dumps({"type": "record", "name": "Visit", "fields": fields}, ensure_ascii=False, indent=1)
    (folder / "datasets" / "visit.avsc").write_text(text, encoding="utf-8")


def changed(which: str, /, **change: Any) -> list[dict[str, Any]]:
    """The fields, one of them changed."""
    return [{**one, **change} if one["name"] == which else one for one in FIELDS]


def without(name: str) -> list[dict[str, Any]]:
    return [one for one in FIELDS if one["name"] != name]
