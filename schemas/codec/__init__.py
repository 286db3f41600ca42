"""codec: events, tallies and letters in bytes and back. The only home of fastavro outside the oracle.

`EventCodec` is the slow and complete way, `EventScanner` the fast one for the streams; a test holds them equal.
"""

from schemas.codec.avro import Avro
from schemas.codec.books import (
    RecordCodec,
    Tallies,
    bus_schema,
    decode_letter,
    decode_tallies,
    encode_letter,
    encode_tallies,
)
from schemas.codec.event import EventCodec, millis
from schemas.codec.frame import frame, undecodable, unframe
from schemas.codec.scanner import EventScanner, Scanned, stamp, stream_prefix
from schemas.codec.varint import long_bytes

__all__ = ["Avro", "EventCodec", "EventScanner", "RecordCodec", "Scanned", "Tallies", "bus_schema", "decode_letter",
           "decode_tallies", "encode_letter", "encode_tallies", "frame", "long_bytes", "millis", "stamp",
           "stream_prefix", "undecodable", "unframe"]
