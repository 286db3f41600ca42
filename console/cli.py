"""`shutong`: the command line. Chinese first, English with `--lang en`; exit codes 0 ok, 1 failed, 2 usage, 3 check found problems."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from pydantic import ValidationError

from console.commands import processes
from console.commands.applying import apply_city
from console.commands.catalogue import dataset_app, subscription_app
from console.commands.ledger import ledger_app
from console.commands.quarantine import quarantine_app
from console.commands.tail import tail
from console.commands.trying import demo
from console.output import print_error
from schemas.errors import BusError, HaltError
from schemas.text import Text, set_language

__all__ = ["app", "main"]

FAILED = 1

app = typer.Typer(name="shutong", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
                  help="数通：市级数据交换总线 / shutong: the municipal data exchange bus")


@app.callback()
def options(lang: Annotated[str | None, typer.Option("--lang", help="zh | en", envvar="SHUTONG_LANG")] = None) -> None:
    """数通：市级数据交换总线 / shutong: the municipal data exchange bus."""
    if lang:
        set_language("en" if lang.lower().startswith("en") else "zh")
        os.environ["SHUTONG_LANG"] = lang


for command in (processes.up, processes.down, processes.status, demo, processes.worker, processes.connect, processes.serve, tail):
    app.command()(command)
app.command("apply")(apply_city)
app.add_typer(dataset_app, name="dataset")
app.add_typer(subscription_app, name="subscription")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(ledger_app, name="ledger")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code. A bus error is printed with its advice, never as a traceback."""
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name="shutong")
    except BusError as error:
        print_error(error)
        sys.exit(FAILED)
    except ValidationError as error:
        print_error(_bad_settings(error))
        sys.exit(FAILED)


def _bad_settings(error: ValidationError) -> HaltError:
    """Settings come from the environment: say every variable that is wrong, without its value."""
    wrong = "; ".join(f"SHUTONG_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}"
                      for each in error.errors(include_input=False, include_url=False))
    return HaltError(Text(f"环境设置有误：{wrong}", f"wrong settings: {wrong}"),
                     advice=Text("改正这些环境变量后再试", "correct these environment variables and try again"))
