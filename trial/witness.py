"""A witness: the oracle over one hop of the exchange, in a process of its own, so that two cores read at the same time.

The question comes through a pipe, for it holds passwords; the answer is a file of counts, digests and places.
"""

import json
import os
import pickle
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from schemas.codec import bus_schema
from schemas.errors import HaltError
from schemas.text import Text
from trial.evidence import SINKS, Evidence
from trial.kafka.leash import spawn
from trial.oracle import Hop, Verdict, judge
from wire.reading import read_with_headers
from wire.settings import KafkaSettings

__all__ = ["Question", "Stopped", "Witness"]


class Stopped(Exception):
    """The rehearsal ends before its judgement does."""


class Question(NamedTuple):
    """What a witness is asked, and what it needs to know for it."""

    hop: Hop
    settings: KafkaSettings
    plan: Mapping[str, Any]
    secret: bytes
    acknowledged: Counter[bytes]


class Answer(NamedTuple):
    """What a witness found, having read so many records."""

    verdict: Verdict
    read: int


class Witness:
    """Starts with its question under `home`; `answer` waits for it. Ends with this process, or when it is told to."""

    def __init__(self, home: Path, question: Question) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._answer = home / f"{question.hop}.answer"
        self._log = home / f"{question.hop}.log"
        self._answer.unlink(missing_ok=True)
        reading, writing = os.pipe()
        with self._log.open("wb") as log:
            self._process = spawn([sys.executable, "-m", "trial.witness", str(reading), str(self._answer)], output=log,
                                  keep=reading, cwd=Path.cwd(), env=dict(os.environ), leash=True)
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(question, pipe)

    def answer(self, stop: threading.Event) -> Answer:
        """What it found. Stopped when `stop` is set; HaltError when it died."""
        while self._process.poll() is None:
            if stop.wait(0.1):
                raise Stopped
        if self._process.returncode or not self._answer.exists():
            raise HaltError(Text("独立核对没有完成", "the oracle did not come to an end"),
                            advice=Text(f"查看 {self._log}", f"read {self._log}"))
        found: Answer = pickle.loads(self._answer.read_bytes())
        self._answer.unlink()
        return found

    def end(self) -> None:
        """Whatever it does, it ends now."""
        self._process.kill()
        self._process.wait()


def testify(question: Question) -> Answer:
    """Read every lane of the hop, and compare."""
    evidence = Evidence(lambda lane: read_with_headers(question.settings, [lane]), question.acknowledged)
    tables = SINKS if question.hop == "route" else ()
    verdict = judge(question.plan, question.secret, evidence.records, letter_schema=json.loads(bus_schema("letter")),
                    tables=tables, hops=[question.hop])
    if question.hop == "clean":
        evidence.check_sends(verdict)
    return Answer(verdict, evidence.read)


def main(pipe: int, answer: Path) -> None:
    """The process of a witness."""
    with os.fdopen(pipe, "rb") as source:
        question: Question = pickle.load(source)
    fresh = answer.with_suffix(".fresh")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        pickle.dump(testify(question), file)
    fresh.replace(answer)


if __name__ == "__main__":
    from trial import witness  # what is pickled must be found under its own name

    witness.main(int(sys.argv[1]), Path(sys.argv[2]))
