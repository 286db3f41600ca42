"""Word that a process leaves in a home while it runs: a file that it keeps locked, so that one that was killed leaves none."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["leave_word", "word_in"]

#: More than a word is long.
_LONGEST = 4096


def leave_word(lock: int, word: Mapping[str, Any]) -> None:
    """Write it into the file whose lock we hold; an OSError where the disk is full."""
    os.truncate(lock, 0)
    os.write(lock, json.dumps(word).encode())


def word_in(path: Path) -> dict[str, Any] | None:
    """What the process that holds this file said. None: nobody holds it; empty: it is about to say."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            word = json.loads(os.read(lock, _LONGEST))
        except ValueError:
            return {}
        return word if isinstance(word, dict) else {}
    finally:
        os.close(lock)
    return None
