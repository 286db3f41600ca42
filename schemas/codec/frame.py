"""The Confluent wire format: one zero byte, the schema id in four bytes, then Avro."""

from functools import lru_cache

from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["HEADER", "frame", "prefix", "undecodable", "unframe"]

#: Bytes before the Avro part.
HEADER = 5


def undecodable() -> RejectError:
    """The one answer to bytes that are no event: it says nothing of their content."""
    return RejectError("undecodable", Text("无法解码", "the bytes cannot be decoded"),
                       advice=Text("按登记的模式重新编码后再发布", "encode with the registered schema, publish again"))


@lru_cache(maxsize=4096)
def prefix(schema_id: int) -> bytes:
    """The five bytes that stand before an Avro value of this schema."""
    return b"\0" + schema_id.to_bytes(4, "big")


def frame(schema_id: int, avro: bytes) -> bytes:
    """An Avro value under its schema id."""
    return prefix(schema_id) + avro


def unframe(value: bytes) -> int:
    """The schema id of a framed value; RejectError `undecodable` where there is none."""
    if len(value) <= HEADER or value[0] != 0:
        raise undecodable()
    return int.from_bytes(value[1:HEADER], "big")
