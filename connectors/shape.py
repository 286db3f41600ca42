"""The shape of a dataset, as a source needs it: its fields, and how a row's values become a row that Avro takes.

Made from the plan's dataset. Sources ask it for the Kafka key of a row; the runner fits each row with it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.fitting import Fit, Misfit, fit_for, is_nullable
from schemas.codec.composed import names_in
from schemas.codec.fields import Field
from schemas.codec.writer import RowWriter, row_fields
from schemas.control import Dataset
from schemas.envelope import kafka_key, key_text
from schemas.errors import HaltError, RejectError
from schemas.keys import row_key
from schemas.text import Text

__all__ = ["Canonical", "Shape"]

#: The record key's field values in their canonical form, as clean computes it.
Canonical = Callable[[str, str], str]


class Shape:
    """Fields, key and fitting of one dataset. `canonical(field, text)` says how clean wants a key field written."""

    def __init__(self, dataset: Dataset, canonical: Canonical) -> None:
        self.dataset = dataset
        self._canonical = canonical
        record = json.loads(dataset.row_schema)
        self.fields: tuple[str, ...] = tuple(field["name"] for field in record["fields"])
        self.types: dict[str, Any] = {field["name"]: field["type"] for field in record["fields"]}
        self.key_fields: tuple[str, ...] = dataset.key
        self._avro = row_fields(dataset.row_schema)
        self._fits: tuple[tuple[str, Fit], ...] = tuple((field.name, _fit(field)) for field in self._avro)
        self._key_fits = [(name, dict(self._fits)[name]) for name in dataset.key]
        self._key_at = [self.fields.index(name) for name in dataset.key]
        slices = [_fitted(field, fit) for field, (_, fit) in zip(self._avro, self._fits, strict=True)]
        self._write = RowWriter(self._avro, slices).write

    @property
    def required(self) -> frozenset[str]:
        """Fields that cannot be null."""
        return frozenset(name for name, kind in self.types.items() if not is_nullable(kind))

    def fit(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The row as Avro takes it, its key fields canonical. A `Misfit` names the first field that does not fit."""
        row = {}
        name = ""
        try:
            for name, fit in self._fits:
                row[name] = fit(values.get(name))
            for name in self.key_fields:
                row[name] = self._key_value(name, row[name])
        except Misfit as misfit:
            raise Misfit(misfit.reason, name) from None
        return row

    def pack(self, values: Sequence[Any]) -> tuple[bytes, bytes]:
        """Kafka key and encoded row, from the values of all fields in order: what `fit` and the codec make of them.

        A `Misfit` names the first field that does not fit; RejectError `unencodable` where the codec will not have it.
        """
        try:
            row = list(values)
            for at, (name, fit) in zip(self._key_at, self._key_fits, strict=True):
                row[at] = self._key_value(name, fit(row[at]))
            return kafka_key(self.dataset.id, key_text([row[at] for at in self._key_at])), self._write(row)
        except (Misfit, RejectError, UnicodeEncodeError):
            fitted = self.fit(dict(zip(self.fields, values, strict=True)))
            return self.key_of(fitted), b"".join(field.encode(fitted[field.name]) for field in self._avro)

    def record_key(self, values: Sequence[Any]) -> bytes:
        """The Kafka key of a row, from the values of its key fields alone, in the dataset's order."""
        name = ""
        try:
            row = {}
            for (name, fit), value in zip(self._key_fits, values, strict=True):
                row[name] = self._key_value(name, fit(value))
        except Misfit as misfit:
            raise Misfit(misfit.reason, name) from None
        return row_key(self.dataset, row)

    def key_of(self, row: Mapping[str, Any]) -> bytes:
        """The Kafka key of a row that was fitted."""
        return row_key(self.dataset, row)

    def _key_value(self, name: str, value: Any) -> Any:
        if value is None or value == "":
            raise Misfit("no-key")
        return self._canonical(name, value) if isinstance(value, str) else value


def _fit(field: Field) -> Fit:
    try:
        return fit_for(field.avro.schema, names_in(field.avro.schema))
    except LookupError:
        raise HaltError(
            Text(
                f"连接器无法填写字段 {field.name}：类型有多种可能，或包含自身",
                f"no connector can fill field {field.name}: its type is one of several, or contains itself",
            ),
            advice=Text("该数据资源由 SDK 或 HTTP 发布，或改用单一类型", "publish with the SDK or HTTP, or give it one type"),
        ) from None


def _fitted(field: Field, fit: Fit) -> Callable[[Any], bytes]:
    """The slice of a value that has to be fitted first."""
    return lambda value: field.encode(fit(value))
