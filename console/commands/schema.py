"""`shutong schema`: the registry's subjects as the plan in force has them, one schema's text, and whether another would fit."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from console.context import Home, Output, plan_of
from console.output import Format, print_note, print_rows
from governance.registry import changes
from governance.registry.avro_text import canonical
from governance.registry.errors import invalid_schema
from governance.registry.registered import Candidate, Registered
from governance.registry.versions import parse_version
from schemas.control import SchemaReference
from schemas.text import Text

__all__ = ["schema_app"]

FOUND = 3

schema_app = typer.Typer(help="模式登记 / the schema registry", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="SUBJECT", help="主题，如 / the subject, as health.ResidentEvent")]


@schema_app.command("list")
def list_subjects(home: Home = None, output: Output = Format.table,
                  deleted: Annotated[bool, typer.Option("--deleted", help="连同已删除的 / deleted ones too")] = False) -> None:
    """列出主题与版本 / List the subjects and their versions."""
    known = Registered(plan_of(home))
    rows = []
    for name in known.names(deleted=deleted):
        use = known.uses.get(name)
        for version in known.versions(name, deleted=deleted):
            found, _ = known.find(name, version, deleted=True)
            rows.append({"subject": name, "version": version, "id": found.number, "level": known.level_of(name),
                         "used_by": str(use) if use is not None and use.number == found.number else "", "deleted": found.deleted})
    print_rows(rows, {"subject": Text("主题", "subject"), "version": Text("版本", "version"), "id": Text("模式号", "schema id"),
                      "level": Text("兼容级别", "compatibility"), "used_by": Text("使用者", "used by"),
                      "deleted": Text("已删除", "deleted")}, output)


@schema_app.command("show")
def show_schema(name: Name, version: Annotated[str, typer.Option(help="版本号 / a version, or latest")] = "latest",
                home: Home = None) -> None:
    """显示一个模式的文本 / Print the text of one schema."""
    _, schema = Registered(plan_of(home)).find(name, parse_version(version))
    sys.stdout.write(json.dumps(json.loads(schema.text), ensure_ascii=False, indent=2) + "\n")


@schema_app.command("check")
def check_schema(name: Name, file: Annotated[Path, typer.Argument(metavar="FILE", help=".avsc", exists=True, dir_okay=False)],
                 references: Annotated[list[str] | None, typer.Option(
                     "--reference", help="NAME=SUBJECT:VERSION，引用的类型 / a type it references")] = None, home: Home = None) -> None:
    """能否登记为下一版本；不能则以 3 退出 / Whether it would be taken as the next version; exits with 3 where not."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise invalid_schema(Text(f"读不了 {file.name}", f"{file.name} cannot be read")) from None
    candidate = Candidate(canonical(text), tuple(map(_reference, references or ())))
    known = Registered(plan_of(home))
    problems = changes.check(known, name, candidate)
    for problem in problems:
        print_note(Text(f"✗ {problem}", f"✗ {problem}"))
    if problems:
        raise typer.Exit(FOUND)
    level = known.level_of(name)
    print_note(Text(f"可以登记（{level}）", f"it would be taken ({level})"))


def _reference(text: str) -> SchemaReference:
    name, _, rest = text.partition("=")
    subject, _, version = rest.rpartition(":")
    if not (name and subject and version.isdigit()):
        raise typer.BadParameter("NAME=SUBJECT:VERSION", param_hint="--reference")
    return SchemaReference(name=name, subject=subject, version=int(version))
