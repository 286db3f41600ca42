"""The service hall's departments and what they send: rows of every register, clean and dirty, changed, deleted, logged."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from governance.city import read_city
from governance.compile import compile_change
from schemas.codec import EventCodec
from schemas.control import Plan
from schemas.envelope import Event, Meta, Op
from schemas.keys import row_key
from trial.city.dirt import DirtyPopulation
from trial.city.hall import DIRECTORY
from trial.city.papers import Papers

Row = dict[str, Any]
#: dataset -> its stream, and how many rows of it are drawn
REGISTERS = {"market.enterprise": ("market.register", 240), "approval.permit": ("approval.hall", 240),
             "approval.permit-event": ("approval.hall", 120), "land.real-estate": ("land.register", 160),
             "health.resident": ("health.population", 260)}


def hall_plan() -> Plan:
    """The plan that applying the hall's directory to an empty bus gives."""
    change = compile_change(Plan(), {}, read_city(DIRECTORY), lanes_with_data=frozenset())
    by_id: dict[str, Any] = {kind: {item.id: item for item in change.objects[f"bus.{kind}"]}
                             for kind in ("departments", "nodes", "datasets", "subscriptions")}
    schemas: dict[int, Any] = {item.number: item for item in change.objects["bus.schemas"]}  # type: ignore[attr-defined]
    return Plan(version=change.version, schemas=schemas, lanes=change.lanes, **by_id)


class Hall:
    """What the departments of the hall send, and what was meant by it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._papers, self._people = Papers(11), DirtyPopulation(11)
        self._seqs: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.rows: dict[str, list[Row]] = {name: [] for name in REGISTERS}
        #: those of which no rule has anything to say
        self.clean: dict[str, list[Row]] = {name: [] for name in REGISTERS}

    def events(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Lane, key and value of each: rows of every register, then changes, deletions, and a log that is to be changed."""
        for name, (_, count) in REGISTERS.items():
            for _ in range(count):
                row, fate = self._draw(name)
                self.rejected[name] += fate == "rejected"
                if fate != "rejected":
                    self.rows[name].append(row)
                if not fate:
                    self.clean[name].append(row)
                yield self._event(name, "c", row)
        for row in self.rows["approval.permit"][:60]:
            changed = {**row, "state": "revoked", "items": [*row["items"], {"name": "追加事项 ", "quantity": 1, "amount": None}]}
            yield self._event("approval.permit", "u", changed, row)
            yield self._event("approval.permit", "d", None, changed)
        for row in self.rows["market.enterprise"][:60]:
            yield self._event("market.enterprise", "u", {**row, "status": "注销"})
            yield self._event("market.enterprise", "u", {**row, "status": "存续", "registered_capital": None})
        for row in self.rows["land.real-estate"][:40]:
            yield self._event("land.real-estate", "u", {**row, "state": "historic", "holders": []})
            yield self._event("land.real-estate", "d", None, row)
        self.rejected["approval.permit-event"] += 1
        yield self._event("approval.permit-event", "u", self.rows["approval.permit-event"][0])

    def _draw(self, name: str) -> tuple[Row, str]:
        """The next row of a register, and its fate; "" for a clean one."""
        if name == "health.resident":
            person, dirt = self._people.draw()
            # A program that does not write its key as the rules want it is refused, where a connector would have mended it.
            return {**person._asdict(), "updated_at": 1_767_323_045_000}, dirt.fate.replace("canonical", "rejected") if dirt else ""
        row, stain = self._papers.draw(name.split(".")[1])
        return row, stain.fate if stain else ""

    def _event(self, name: str, op: Op, row: Row | None, before: Row | None = None) -> tuple[str, bytes, bytes]:
        dataset, (stream, _) = self._plan.datasets[name], REGISTERS[name]
        self._seqs[stream] += 1
        codec = EventCodec(self._plan.schemas[dataset.event_schema].text, dataset.event_schema)
        known = row if row is not None else before
        assert known is not None
        meta = Meta(f"{stream}-{self._seqs[stream]}", op, 1_767_323_000_000, stream, stream, 0, self._seqs[stream])
        return f"raw.{dataset.provider}", row_key(dataset, known), codec.encode(Event(meta, row, before))
