"""Debian's avro-bin, the Avro library in C: it reads the files we would write, and what it writes we read."""

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


def as_c_shows_it(value: Any) -> Any:
    """avrocat shows bytes as C's strings, to the first zero."""
    if isinstance(value, list):
        return [as_c_shows_it(one) for one in value]
    if isinstance(value, dict):
        return {name: as_c_shows_it(one) for name, one in value.items()}
    return value.split("\0")[0] if isinstance(value, str) else value


@pytest.mark.parametrize(("schema", "values"), [(EVENT, VALUES), (DELIVERED, delivered(60))], ids=["events", "delivered"])
def test_avrocat_shows_what_we_wrote(avrocat: str, tmp_path: Path, schema: str, values: list[bytes]) -> None:
    file = tmp_path / "ours.avro"
    file.write_bytes(container(schema, [value[5:] for value in values]))
    shown = subprocess.run([avrocat, str(file)], check=True, capture_output=True, timeout=60).stdout.splitlines()
    assert len(shown) == len(values)
    for line, value in zip(shown, values, strict=True):
        assert short(json.loads(line)) == as_c_shows_it(said(schema, value[5:]))


def test_what_the_c_library_writes_we_read_on_the_fast_path(avrocat: str, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.avro", tmp_path / "theirs.avro"
    ours.write_bytes(container(EVENT, [value[5:] for value in VALUES]))
    avromod = str(Path(avrocat).with_name("avromod"))
    subprocess.run([avromod, "--codec=deflate", "--block-size=60000", str(ours), str(theirs)], check=True, timeout=60)
    values = contained(theirs.read_bytes())
    before = SCANNER.rewritten
    for event, data in zip(EVENTS, values, strict=True):
        value = CODEC.encode(event)[:5] + data
        scanned = SCANNER.scan(value)
        assert SCANNER.meta(scanned) == event.meta
        assert scanned.row is not None
        assert SCANNER.decode_row(scanned.row) == event.row
        assert CODEC.decode(value) == event
    assert SCANNER.rewritten == before
