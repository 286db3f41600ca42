"""The shapes a dataset and a subscription promise: the event schema on raw and clean, the schema of what is delivered.

Texts are built the same way every time, so the same declaration gives the same text and keeps its registry id.
"""

import json
from collections.abc import Mapping
from typing import Any

from schemas.codec import Avro, EventScanner, bus_schema
from schemas.codec.avro import inlined
from schemas.codec.fields import Field
from schemas.compatibility import written_as
from schemas.control import Dataset, DatasetVersion, Mask, Subscription
from schemas.delivery import Delivery, compile_subscription, in_current_names
from schemas.delivery import check_subscription as _check_compiled
from schemas.elements.fit import check_element_masks, check_elements
from schemas.errors import RejectError
from schemas.evolution import check_evolving
from schemas.masks import may_be_null
from schemas.names import avro_name
from schemas.rules import check_rules
from schemas.shape import check_shape
from schemas.text import Text
from schemas.tree import tree

__all__ = ["Delivery", "as_of", "check_dataset", "check_subscription", "compile_subscription", "event_schema", "event_subject",
           "in_current_names", "output_schema", "output_subject", "record_name", "row_of"]

#: What a key field may be: one record, one spelling of its key.
_KEY_KINDS = {"text", "int", "long", "enum"}


def record_name(dataset_id: str) -> str:
    """The Avro name of a dataset's record: `health.old-village` gives `OldVillage`."""
    provider, _, rest = dataset_id.partition(".")
    if not provider or not rest:
        raise RejectError("dataset_name",
                          Text(f"数据资源名 {dataset_id} 缺少提供方", f"dataset {dataset_id} names no provider"),
                          advice=Text("写作 <提供方>.<数据资源>", "write <provider>.<dataset>"))
    return "".join(word.capitalize() for word in rest.replace(".", "-").split("-"))


def event_subject(dataset_id: str) -> str:
    """The subject of a dataset's event schema: `health.ResidentEvent`."""
    return f"{_namespace(dataset_id)}.{record_name(dataset_id)}Event"


def output_subject(subscription: Subscription) -> str:
    """The subject of what a subscription delivers: `tax.health.ResidentEvent`."""
    return f"{avro_name(subscription.subscriber)}.{event_subject(subscription.dataset)}"


def event_schema(dataset_id: str, row_schema: str) -> str:
    """The schema of the events of a dataset with such rows; RejectError `schema_invalid` if it is no record."""
    row = _row(row_schema)
    name = record_name(dataset_id)
    fields = [{"name": "meta", "type": json.loads(bus_schema("meta"))},
              {"name": "row", "type": ["null", {**row, "name": name}], "default": None},
              {"name": "before", "type": ["null", f"{_namespace(dataset_id)}.{name}"], "default": None}]
    return _text({"type": "record", "name": f"{name}Event", "namespace": _namespace(dataset_id),
                  "doc": row.get("doc", ""), "fields": fields})


def row_of(event: str) -> str:
    """The schema of the rows inside the schema of a dataset's events, or of what a subscription delivers."""
    row = next(field["type"] for field in json.loads(event)["fields"] if field["name"] == "row")
    return _text(next(branch for branch in row if branch != "null"))


def as_of(dataset: Dataset, version: DatasetVersion, event: str) -> Dataset:
    """A dataset as a writer of an earlier version knows it: rows of that event schema, key, division and rules by its names."""
    row = row_of(event)
    older = tree(row)
    names = {part.name: source.name for part in tree(dataset.row_schema).parts if (source := written_as(part, older)) is not None}
    return dataset.model_copy(update={
        "version": version.version, "versions": (), "row_schema": row, "event_schema": version.event_schema,
        "key": tuple(names.get(name, name) for name in dataset.key), "division_field": names.get(dataset.division_field, ""),
        "rules": {names[name]: uses for name, uses in dataset.rules.items() if name in names}})


def output_schema(dataset: Dataset, subscription: Subscription) -> str:
    """The schema of what one subscription delivers: the granted fields in its order, masked ones in the mask's type.

    A type that several fields share is defined in the first of those that are granted. A field that was renamed since it
    was granted is delivered under the name it was granted by.
    """
    row = _row(dataset.row_schema)
    named, given = Avro(dataset.row_schema).schema["__named_schemas"], set[str]()
    having = {field["name"]: field for field in row["fields"]}
    current = in_current_names(subscription, dataset)
    granted = [{**shown, "name": name, "type": inlined(shown["type"], named, given)}
               for name, shown in zip(subscription.fields, (_granted(having[name], current.masks.get(name), named)
                                                            for name in current.fields), strict=True)]
    name = record_name(dataset.id)
    fields = [{"name": "meta", "type": json.loads(bus_schema("meta"))},
              {"name": "row", "type": ["null", {**row, "name": name, "fields": granted}], "default": None}]
    return _text({"type": "record", "name": f"{name}Event",
                  "namespace": f"{avro_name(subscription.subscriber)}.{_namespace(dataset.id)}",
                  "doc": row.get("doc", ""), "fields": fields})


def check_dataset(dataset: Dataset) -> list[Text]:
    """Everything that is wrong with a dataset's shape and rules, all of it at once."""
    try:
        scanner = EventScanner(event_schema(dataset.id, dataset.row_schema), dataset.event_schema)
    except RejectError as error:
        return [error.problem]
    problems = check_shape(dataset.row_schema) + check_evolving(dataset.row_schema)
    if not dataset.key:
        problems.append(Text("没有主键字段", "no key field is named"))
    if not dataset.id.startswith(f"{dataset.provider}."):
        problems.append(Text(f"{dataset.id} 须以提供方 {dataset.provider}. 开头",
                             f"{dataset.id} does not begin with its provider {dataset.provider}."))
    for name in dict.fromkeys((*dataset.key, *([dataset.division_field] if dataset.division_field else []))):
        if name not in scanner.index:
            problems.append(Text(f"字段 {name} 不存在", f"field {name} does not exist"))
            continue
        field = scanner.field(scanner.index[name])
        if name in dataset.key and (field.nullable or field.kind not in _KEY_KINDS):
            problems.append(Text(f"主键字段 {name} 须为非空的文本、整数或枚举",
                                 f"key field {name} is not a text, whole number or enum that is never null"))
        if name == dataset.division_field and field.kind != "text":
            problems.append(Text(f"区划字段 {name} 须为文本", f"division field {name} is no text"))
    return problems + check_rules(dataset) + check_elements(dataset.row_schema, dataset.rules)


def check_subscription(dataset: Dataset, subscription: Subscription) -> list[Text]:
    """Everything that is wrong with a subscription to this dataset, all of it at once."""
    scanner = EventScanner(event_schema(dataset.id, dataset.row_schema), dataset.event_schema)
    problems = _check_compiled(dataset, subscription, scanner) + check_element_masks(dataset.row_schema, subscription.masks)
    if not problems:
        try:
            Avro(output_schema(dataset, subscription))
        except RejectError as error:
            problems.append(error.problem)
    return problems


def _granted(part: dict[str, Any], mask: Mask | None, named: Mapping[str, Any]) -> dict[str, Any]:
    part = {key: value for key, value in part.items() if key != "aliases"}
    if mask is None:
        return part
    plain = {key: value for key, value in part.items() if key not in ("type", "default", "code_list", "element")}
    field = Field(part["name"], inlined(part["type"], named))
    return {**plain, "type": _masked_type(part["type"], mask, field), "mask": mask.kind}


def _masked_type(kind: Any, mask: Mask, field: Field) -> Any:
    if mask.kind == "null":
        return kind if field.avro.takes(None) else ["null", *(kind if isinstance(kind, list) else [kind])]
    shown = "int" if mask.kind == "year" else "string"
    return ["null", shown] if may_be_null(mask, field) else shown


def _namespace(dataset_id: str) -> str:
    return avro_name(dataset_id.partition(".")[0])


def _row(row_schema: str) -> dict[str, Any]:
    Avro(row_schema)
    row: dict[str, Any] = json.loads(row_schema)
    if not isinstance(row, dict) or row.get("type") != "record" or "namespace" in row:
        raise RejectError("schema_invalid",
                          Text("行模式须是不带 namespace 的 record", "a row is a record without a namespace"),
                          advice=Text("参照 schemas/datasets 中的 row.avsc", "follow a row.avsc of schemas/datasets"))
    return row


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
