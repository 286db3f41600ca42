"""Records of any lane as people read them: decoded by the plan's schemas, veiled, ready for JSON. For `tail` and pages.

A record that cannot be decoded is shown as that, with its size; nothing here raises because of what a lane holds.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from console.personal import Veil
from ledger.shanghai import iso
from schemas.codec import EventCodec, decode_letter, decode_tallies, unframe
from schemas.control import Dataset, Plan
from schemas.errors import BusError, RejectError
from schemas.letter import Letter
from schemas.names import TALLIES
from schemas.text import Text
from streams.replay.mending import changed_fields
from streams.versions import carried_over, reading_older
from wire.reading import Record

__all__ = ["Decoder"]

Shown = dict[str, Any]


class Decoder:
    """Decodes under one plan. `lifted`: personal data is shown (see console.personal)."""

    def __init__(self, plan: Plan, *, lifted: bool = False) -> None:
        self._plan = plan
        self._lifted = lifted
        self._known: dict[int, tuple[EventCodec, Veil, str]] = {}
        self._blind = Veil((), None, lifted=lifted)

    def reading(self, lane: str) -> Callable[[Record], Shown]:
        """How records of this lane are read; RejectError for a lane that is not there or not for people."""
        kind = lane if lane == TALLIES else lane.split(".", 1)[0]
        ways = {"raw": self.event, "clean": self.event, "clean-log": self.event, "deliver": self.event,
                "dead": self.letter, TALLIES: self.tallies}
        if kind not in ways or (lane != TALLIES and lane not in self._plan.lanes):
            known = ", ".join([*sorted(self._plan.lanes), TALLIES])
            raise RejectError("no_such_lane", Text(f"没有可查看的通道 {lane}", f"there is no lane {lane} to show"),
                              advice=Text(f"可查看：{known}", f"these can be shown: {known}"))
        return ways[kind]

    def event(self, record: Record) -> Shown:
        """An event of a raw, clean or deliver lane."""
        if record.value is None:
            return self._placed(record, self._blind) | {"what": "tombstone"}
        try:
            codec, veil, dataset = self._schema(unframe(record.value))
            event = codec.decode(record.value)
        except BusError as error:
            return self._unread(record, error)
        meta = event.meta._asdict() | {"id": veil.text(event.meta.id), "at": iso(event.meta.at / 1000)}
        shown = self._placed(record, veil) | {"what": "event", "dataset": dataset, "meta": meta, "row": veil.row(event.row)}
        return shown | ({"before": veil.row(event.before)} if event.before is not None else {})

    def letter(self, record: Record) -> Shown:
        """A letter of a quarantine lane, without the rejected value: `quarantine show` has it."""
        if record.value is None:
            return self._placed(record, self._blind) | {"what": "tombstone"}
        try:
            letter = decode_letter(record.value)
        except BusError as error:
            return self._unread(record, error)
        placed = self._placed(record, self._blind) | {"key": (record.key or b"").decode(errors="replace")}
        return placed | {"what": "letter", "dataset": letter.dataset, "id": letter.place, "state": letter.closed or letter.state,
                         "findings": self.findings(letter), "size": len(letter.value or b"")}

    def findings(self, letter: Letter) -> list[Shown]:
        """What is said of each field of a rejected event; a proposed value is veiled like the field."""
        dataset = self._plan.datasets.get(letter.dataset)
        veil = self.veil(dataset.event_schema) if dataset else self._blind
        return [{"field": one.field, "reason": one.reason, "severity": one.severity,
                 "proposed": veil.field(one.field, one.after)} for one in letter.findings]

    def changes(self, letter: Letter) -> list[Shown]:
        """The fields that the repair of a letter changes, before and after, veiled; none where one of both cannot be read.

        A repair is of the version its dataset had then: what came as an older one is shown as that has it.
        """
        try:
            came, number = letter.value or b"", unframe(letter.repaired or b"")
            codec, veil, _ = self._schema(number)
            if (older := unframe(came)) != number:
                self._schema(older)
                read = reading_older(self._plan.schemas[number].text, self._plan.schemas[older].text, older)
                came = carried_over(came, number, read).value
            before, after = codec.decode(came).row, codec.decode(letter.repaired or b"").row
        except BusError:
            return []
        return [{"field": name, "before": veil.field(name, old), "after": veil.field(name, new)}
                for name, (old, new) in changed_fields(before, after).items()]

    def tallies(self, record: Record) -> Shown:
        """One message of bus.tallies: nothing in it is anybody's."""
        if record.value is None:
            return self._placed(record, self._blind) | {"what": "tombstone"}
        try:
            worker, epoch, rows, findings = decode_tallies(record.value)
        except BusError as error:
            return self._unread(record, error)
        told = [row.key._asdict() | {"at": iso(row.key.at), "records": row.records, "bytes": row.bytes, "fixed": row.fixed}
                for row in rows]
        found = [each.key._asdict() | {"at": iso(each.key.at), "records": each.records} for each in findings]
        return self._placed(record, self._blind) | {"what": "tallies", "worker": worker, "worker_epoch": epoch, "rows": told,
                                                    "findings": found}

    def veil(self, schema_id: int) -> Veil:
        """The veil over rows of a schema; one that hides everything where the plan does not know it."""
        try:
            return self._schema(schema_id)[1]
        except RejectError:
            return self._blind

    def _placed(self, record: Record, veil: Veil) -> Shown:
        return {"lane": record.lane, "partition": record.partition, "offset": record.offset,
                "time": iso(record.timestamp / 1000), "key": veil.key(record.key)}

    def _unread(self, record: Record, error: BusError) -> Shown:
        return self._placed(record, self._blind) | {"what": "undecodable", "problem": str(error.problem),
                                                    "size": len(record.value or b"")}

    def _schema(self, number: int) -> tuple[EventCodec, Veil, str]:
        if number not in self._known:
            known = self._plan.schemas.get(number)
            if known is None:
                raise RejectError("unknown_schema", Text(f"方案里没有模式号 {number}", f"the plan has no schema id {number}"),
                                  advice=Text("检查发布方使用的模式号", "check the schema id the publisher uses"))
            dataset = self._dataset_of(number)
            veil = Veil(_row_fields(json.loads(known.text)), dataset, lifted=self._lifted)
            self._known[number] = EventCodec(known.text, number), veil, dataset.id if dataset else known.subject
        return self._known[number]

    def _dataset_of(self, number: int) -> Dataset | None:
        datasets: Mapping[str, Dataset] = self._plan.datasets
        for dataset in datasets.values():
            if number in (dataset.event_schema, *(version.event_schema for version in dataset.versions)):
                return dataset
        outputs = (each.dataset for each in self._plan.subscriptions.values() if each.output_schema == number)
        return datasets.get(next(outputs, ""))


def _row_fields(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The fields of the row inside an event schema."""
    row = next(field["type"] for field in schema["fields"] if field["name"] == "row")
    record = next(branch for branch in row if isinstance(branch, dict))
    fields: list[Mapping[str, Any]] = record["fields"]
    return fields
