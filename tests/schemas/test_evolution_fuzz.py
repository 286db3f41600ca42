"""Rows of every Avro type read under a later version: what fastavro resolves, in bytes that the later version's scanner takes."""

import io
import json
from random import Random
from typing import Any

import fastavro
import pytest

from schemas.codec import EventScanner
from schemas.contract import event_schema
from schemas.evolution import check_evolving, compile_resolution, row_misfits
from schemas.shape import check_shape
from tests.schemas.evolved import Evolving
from tests.schemas.random_avro import Plain, Schemas
from tests.schemas.test_transcode import same
from trial.oracle.avro import Codec, Unreadable, plain

SEEDS = 400
DATASET = "a.thing"
#: An event up to its row: no id, created, no time, source, stream, live, no path.
HEAD = b"\0\0\0\0\1" + b"\0" * 9 + b"\2"


def versions(seed: int) -> tuple[Any, Any]:
    """A row schema of any types and a later one that reads its rows."""
    rng = Random(seed)
    while True:
        _, old = Schemas(rng).row()
        new = Evolving(rng).row(old)
        text = json.dumps(new)
        if new != old and not check_shape(text) and not check_evolving(text) and not row_misfits(text, json.dumps(old)):
            return old, new


@pytest.mark.parametrize("part", range(4))
def test_rows_of_every_type_are_read_as_an_avro_reader_resolves_them(part: int) -> None:
    moved = blank = agreed = 0
    for seed in range(part * SEEDS, (part + 1) * SEEDS):
        old, new = versions(seed)
        events = {1: event_schema(DATASET, json.dumps(old)), 2: event_schema(DATASET, json.dumps(new))}
        writer, reader = (EventScanner(event, number) for number, event in events.items())
        resolve, oracle = compile_resolution(events[2], events[1]), Codec(events)
        plain_old, plain_new = (fastavro.parse_schema(plain(each)) for each in (old, new))
        rows = Plain(Random(seed), old)
        for _ in range(4):
            joined = rows.spell(old)
            given = writer.split(joined)
            pieces, whole = resolve(given)
            # Whatever could not be read: the later version's scanner takes what there is.
            assert reader.split(b"".join(pieces)) == pieces, f"seed {seed}"
            moved += pieces != given
            _, event = oracle.read(HEAD + joined + b"\0")
            try:
                wanted = oracle.write(2, oracle.resolved(1, event, 2))
            except Unreadable:
                assert not whole, f"seed {seed}"
                blank += 1
                continue
            assert whole, f"seed {seed}"
            assert wanted[len(HEAD):-1] == b"".join(pieces), f"seed {seed}"
            agreed += resolves_so(joined, b"".join(pieces), plain_old, plain_new)
    assert moved > SEEDS
    assert blank
    assert agreed > SEEDS * 4 * 0.9


def resolves_so(given: bytes, made: bytes, old: Any, new: Any) -> bool:
    """Whether fastavro resolves it to the same values, too. Of a union it takes the first branch that can read a value."""
    try:
        expected = fastavro.schemaless_reader(io.BytesIO(given), old, new)
    except UnicodeDecodeError:
        return False
    return same(fastavro.schemaless_reader(io.BytesIO(made), new, None), expected)
