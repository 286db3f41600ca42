"""What `apply` shows before it writes: one line an object, with the keys that differ."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from governance.compile import Change
from schemas.control import ConnectorInstance, ControlObject, Dataset, Plan, SchemaText, Subscription
from schemas.evolution import Change as RowChange
from schemas.evolution import row_changes

__all__ = ["Line", "diff"]

#: Never worth a line: they say when, not what.
_VERSIONS = {"created", "changed"}
#: Too long to print; that they differ is enough.
_LONG = {"row_schema", "text"}


class Line(NamedTuple):
    """One object of a change. `keys` are those that differ; empty for an object that is new or goes."""

    sign: Literal["+", "~", "-"]
    kind: str
    id: str
    keys: tuple[str, ...] = ()


def diff(current: Plan, connectors: Mapping[str, ConnectorInstance], change: Change) -> list[Line]:
    """The lines of a change, by kind, in the order they are written."""
    old: dict[str, Mapping[str, ControlObject]] = {
        "bus.nodes": current.nodes, "bus.departments": current.departments, "bus.datasets": current.datasets,
        "bus.schemas": {str(number): schema for number, schema in current.schemas.items()},
        "bus.subjects": current.subjects, "bus.subscriptions": current.subscriptions, "bus.connectors": connectors}
    lines: list[Line] = []
    for topic, items in change.objects.items():
        lines += [_line(topic.removeprefix("bus."), item, old[topic].get(item.id)) for item in items]
    for topic, names in change.removed.items():
        lines += [Line("-", topic.removeprefix("bus."), name) for name in names]
    return [*lines, *(Line("+", "lanes", lane) for lane in change.lanes if lane not in current.lanes)]


def _line(kind: str, item: ControlObject, old: ControlObject | None) -> Line:
    if isinstance(item, Subscription) and item.state == "revoked":
        return Line("-", kind, item.id)
    name = f"{item.id} {item.subject}" if isinstance(item, SchemaText) else item.id  # a number alone says nothing
    return Line("+", kind, name) if old is None else Line("~", kind, name, tuple(_differing(item, old)))


def _differing(item: ControlObject, old: ControlObject) -> Iterator[str]:
    new_values, old_values = item.model_dump(), old.model_dump()
    for key, value in new_values.items():
        if key in _VERSIONS or value == old_values[key]:
            continue
        if key == "row_schema" and isinstance(item, Dataset) and isinstance(old, Dataset):
            told = [_of_field(change) for change in row_changes(item.row_schema, old.row_schema)]
            yield f"row_schema: {', '.join(told)}" if told else key
        else:
            yield key if key in _LONG or not isinstance(value, str | int | bool) else f"{key}: {old_values[key]} → {value}"


def _of_field(change: RowChange) -> str:
    """A change of a row as a word that needs no language: `+email`, `-fax`, `phone → mobile`, `~seq`."""
    match change.kind:
        case "added" | "removed":
            return f"{'+' if change.kind == 'added' else '-'}{change.path}"
        case "renamed":
            return f"{change.old.en} → {change.path}"
        case "reordered":
            return f"↕{change.path}"
        case _:
            return f"~{change.path}"
