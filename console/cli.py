"""`shutong`: the command line. Chinese first, English with `--lang en`; exit codes 0 ok, 1 failed, 2 usage, 3 check found problems."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeGuard

import typer
from pydantic import ValidationError

from console.commands import processes
from console.commands.applying import apply_city
from console.commands.catalogue import dataset_app, subscription_app
from console.commands.lanes import lane_app
from console.commands.ledger import ledger_app
from console.commands.quality import quality
from console.commands.quarantine import quarantine_app
from console.commands.rules import rules_app
from console.commands.schema import schema_app
from console.commands.standards import code_app, element_app
from console.commands.tail import tail
from console.commands.trying import demo
from console.output import print_error
from schemas.errors import BusError, HaltError, RejectError
from schemas.text import Text, set_language
from wire.settings import KafkaSettings

__all__ = ["app", "main"]

FAILED, USAGE = 1, 2
#: Codes of a RejectError that mean the command itself was put wrongly.
_ASKED_WRONGLY = ("usage", "bad_question")

app = typer.Typer(name="shutong", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
                  help="数通：市级数据交换总线 / shutong: the municipal data exchange bus")


@app.callback()
def options(lang: Annotated[str | None, typer.Option("--lang", help="zh | en", envvar="SHUTONG_LANG")] = None) -> None:
    """数通：市级数据交换总线 / shutong: the municipal data exchange bus."""
    if lang:
        set_language("en" if lang.lower().startswith("en") else "zh")
        os.environ["SHUTONG_LANG"] = lang


for command in (processes.up, processes.down, processes.status, demo, processes.worker, processes.connect, processes.serve, tail,
                quality):
    app.command()(command)
app.command("apply")(apply_city)
app.add_typer(dataset_app, name="dataset")
app.add_typer(subscription_app, name="subscription")
app.add_typer(lane_app, name="lane")
app.add_typer(schema_app, name="schema")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(rules_app, name="rules")
app.add_typer(ledger_app, name="ledger")
app.add_typer(element_app, name="element")
app.add_typer(code_app, name="code")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code. An error is printed with its advice, never as a traceback."""
    try:
        app(args=_language_first(sys.argv[1:] if arguments is None else arguments), prog_name="shutong")
    except RejectError as error:
        print_error(error)
        sys.exit(USAGE if error.code in _ASKED_WRONGLY else FAILED)
    except BusError as error:
        print_error(error)
        sys.exit(FAILED)
    except Exception as error:
        print_error(_bad_settings(error) if _is_of_settings(error) else _unexpected(error))
        sys.exit(FAILED)


def _language_first(words: Sequence[str]) -> list[str]:
    """`--lang` belongs to the whole program and may stand behind the command, like `-o`."""
    first, others, rest = list[str](), list[str](), iter(words)
    for word in rest:
        if word == "--lang" and (language := next(rest, None)) is not None:
            first += [word, language]
        elif word.startswith("--lang="):
            first.append(word)
        else:
            others += [word, *(rest if word == "--" else ())]
    return first + others


def _is_of_settings(error: Exception) -> TypeGuard[ValidationError]:
    """Whether the environment is wrong, not something that was read: a refusal carries the name of its model."""
    kinds: list[type[KafkaSettings]] = [KafkaSettings, *KafkaSettings.__subclasses__()]
    return isinstance(error, ValidationError) and error.title in {kind.__name__ for kind in kinds}


def _unexpected(error: Exception) -> HaltError:
    """What nobody foresaw: its kind and place. Not its text, which may hold somebody's data."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    reason = error.strerror if isinstance(error, OSError) and error.strerror else ""
    where = f"{type(error).__name__}{f' ({reason})' if reason else ''}, {Path(at.filename).name}:{at.lineno}"
    return HaltError(Text(f"意外错误：{where}", f"an unexpected error: {where}"),
                     advice=Text("检查磁盘空间和权限后重试；仍然出现时请连同此行报告",
                                 "check disk and rights and try again; if it stays, report this line"))


def _bad_settings(error: ValidationError) -> HaltError:
    """Settings come from the environment: say every variable that is wrong, without its value."""
    wrong = "; ".join(f"SHUTONG_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}"
                      for each in error.errors(include_input=False, include_url=False))
    return HaltError(Text(f"环境设置有误：{wrong}", f"wrong settings: {wrong}"),
                     advice=Text("改正这些环境变量后再试", "correct these environment variables and try again"))
