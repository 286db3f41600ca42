"""How a worker ends: an error nobody foresaw is told by its kind and place, and never by what it says."""

import subprocess
import sys

from streams.transport.exits import BROKEN

UNFORESEEN = """
import logging
from streams.transport.exits import break_process

logging.basicConfig()
try:
    {}["11010519491231002X"]
except KeyError as error:
    break_process(error)
"""


def test_an_unforeseen_error_ends_the_process_and_shows_no_value() -> None:
    done = subprocess.run([sys.executable, "-c", UNFORESEEN], capture_output=True, text=True)
    assert done.returncode == BROKEN
    assert "KeyError at <string>:7" in done.stderr
    assert "11010519491231002X" not in done.stderr
