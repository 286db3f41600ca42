"""npm's avsc, Avro in JavaScript: events as messages and as files, in both directions."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import EventCodec, EventScanner
from tests.interop.visits import DELIVERED, EVENT, contained, container, delivered, events, said, short

CODEC, SCANNER = EventCodec(EVENT, 1), EventScanner(EVENT, 1)
EVENTS = events(60)
VALUES = [CODEC.encode(event) for event in EVENTS]


def ask(avsc: list[str], work: str, question: Any) -> Any:
    done = subprocess.run([*avsc, work], input=json.dumps(question), capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


@pytest.mark.parametrize(("schema", "values"), [(EVENT, VALUES), (DELIVERED, delivered(60))], ids=["events", "delivered"])
def test_avsc_reads_what_we_wrote_and_we_what_it_writes(avsc: list[str], schema: str, values: list[bytes]) -> None:
    answers = ask(avsc, "messages", {"schema": json.loads(schema), "values": [value[5:].hex() for value in values]})
    scanner = EventScanner(schema, 1)
    for value, answer in zip(values, answers, strict=True):
        assert short(answer["said"]) == said(schema, value[5:])
        again, first = (scanner.scan(b"\0\0\0\0\1" + data) for data in (bytes.fromhex(answer["again"]), value[5:]))
        assert again._replace(row=None, before=None) == first._replace(row=None, before=None)
        for row, sent in ((again.row, first.row), (again.before, first.before)):
            # JavaScript puts a map's keys that look like numbers first; the map is the same.
            assert (row and scanner.decode_row(row)) == (sent and scanner.decode_row(sent))
    assert scanner.rewritten == 0


def test_a_file_that_avsc_copied_has_our_events(avsc: list[str], tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.avro", tmp_path / "theirs.avro"
    ours.write_bytes(container(EVENT, [value[5:] for value in VALUES]))
    assert ask(avsc, "file", {"file": str(ours), "copy": str(theirs)}) == len(VALUES)
    values = contained(theirs.read_bytes())
    for event, data in zip(EVENTS, values, strict=True):
        scanned = SCANNER.scan(b"\0\0\0\0\1" + data)
        assert SCANNER.meta(scanned) == event.meta
        assert scanned.row is not None
        assert SCANNER.decode_row(scanned.row) == event.row
