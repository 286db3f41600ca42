"""How a process of the bus runs under a command: it logs to stderr, and ends with the code the supervisor acts on."""

import logging
import sys
from collections.abc import Callable

import typer

from console.output import print_error
from schemas.errors import HaltError
from streams.transport.exits import HALTED

__all__ = ["run_process"]

#: Loggers that tell what only their makers want to know.
_NOISY = ("faust", "mode", "streams.transport.faust", "httpx", "aiokafka", "uvicorn.access")


def run_process(process: Callable[[], int | None]) -> None:
    """Run it and exit with its code; none is 0. A HaltError ends it as `HALTED`: a person is needed, a quick restart is of no use."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        code = process()
    except HaltError as error:
        print_error(error)
        code = HALTED
    raise typer.Exit(code or 0)
