"""What every command shares: the options for home and output form, and the way to the plan in force."""

from pathlib import Path
from typing import Annotated

import typer

from console.connection import connect, home_directory
from console.output import Format
from schemas.control import Plan
from wire.control import ControlReader

__all__ = ["Home", "Output", "plan_of"]

Home = Annotated[Path | None, typer.Option("--home", help="本机总线的目录，默认 .shutong / directory of the bus on this machine")]
Output = Annotated[Format, typer.Option("-o", "--output", help="table | json | csv")]


def plan_of(home: Path | None) -> Plan:
    """The plan in force on the bus this command talks to."""
    with ControlReader(connect(home_directory(home))) as reader:
        return reader.load()
