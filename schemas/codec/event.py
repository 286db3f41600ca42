"""The slow, complete way between events and bytes: connectors, the SDK, the trial and every doubtful case use it.

It reads what Avro allows; the scanner (`EventScanner`) reads the same, spelt the one right way only.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from schemas.codec.avro import Avro
from schemas.codec.frame import HEADER, frame, undecodable, unframe
from schemas.envelope import Event, Meta

__all__ = ["EventCodec", "millis"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


def millis(moment: dt.datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return (moment - _EPOCH) // _MILLISECOND


class EventCodec:
    """Encodes and decodes events of one schema, framed under its id. A delivered schema has no `before`."""

    def __init__(self, schema_text: str, schema_id: int) -> None:
        self.schema_id = schema_id
        self._avro = Avro(schema_text)
        self._has_before = any(part["name"] == "before" for part in self._avro.schema["fields"])

    def encode(self, event: Event) -> bytes:
        """The framed bytes; RejectError `unencodable` names the fields that do not fit."""
        datum: dict[str, Any] = {"meta": event.meta._asdict(), "row": event.row}
        if self._has_before:
            datum["before"] = event.before
        return frame(self.schema_id, self._avro.encode(datum))

    def decode(self, value: bytes) -> Event:
        """The event in a framed value; RejectError `undecodable` if it is none of this schema."""
        if unframe(value) != self.schema_id:
            raise undecodable()
        datum: Mapping[str, Any] = self._avro.decode(value[HEADER:])
        meta = dict(datum["meta"])
        meta["at"] = millis(meta["at"])
        return Event(Meta(**meta), datum["row"], datum.get("before"))
