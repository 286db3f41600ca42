"""One spelling for each schema, and no malformed text that breaks the door."""

import json
from typing import Any

import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from hypothesis import given
from hypothesis import strategies as st

from governance.registry.avro_text import canonical, complete, definitions, normalised, standalone
from governance.registry.errors import RegistryError
from tests.schemas.drawn import row_shapes

pytestmark = pytest.mark.filterwarnings("ignore::avro.errors.IgnoredLogicalType")

ODD = st.recursive(st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(
    ["record", "string", "null", "array", "map", "enum", "fixed", "n.A", "A", "9x", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["type", "name", "namespace", "fields", "items", "values", "symbols", "size", "default", "aliases", "logicalType", "precision"]),
        inner, max_size=5), max_leaves=12)


ROWS = row_shapes().map(lambda shape: shape[0])


@given(ODD)
def test_whatever_json_is_sent_it_is_a_schema_or_refused_in_words(node: Any) -> None:
    refused: RegistryError | None = None
    try:
        assert avro.schema.parse(complete(canonical(json.dumps(node)), {}))
    except RegistryError as error:
        refused = error
    assert refused is None or (refused.number == 42201 and refused.problem.en)


@pytest.mark.parametrize("text", ["[" * 5000, '{"type":"array","items":' * 2000 + '"int"' + "}" * 2000, "[" * 300 + "]" * 300])
def test_what_nests_without_end_is_refused(text: str) -> None:
    with pytest.raises(RegistryError):
        complete(canonical(text), {})


@pytest.mark.parametrize("node", [[], {"type": "array", "items": []}, {"type": "record", "name": "R", "fields": [
    {"name": "a", "type": ["null", {"type": "map", "values": []}]}]}])
def test_a_union_of_nothing_is_refused_wherever_it_stands(node: Any) -> None:
    with pytest.raises(RegistryError, match="联合类型为空"):
        complete(canonical(json.dumps(node)), {})


@given(ROWS)
def test_white_space_says_nothing_and_everything_else_is_kept(row: str) -> None:
    node = json.loads(row)
    assert canonical(json.dumps(node, indent=3)) == canonical(row)
    assert json.loads(canonical(row)) == node
    assert canonical(canonical(row)) == canonical(row)


@given(ROWS)
def test_a_complete_text_is_the_same_schema_and_complete_already(row: str) -> None:
    whole = complete(canonical(row), {})
    assert complete(whole, {}) == whole


@given(ROWS)
def test_the_normalised_spelling_is_the_same_schema(row: str) -> None:
    once = normalised(canonical(row), {})
    assert normalised(once, {}) == once
    one, other = avro.schema.parse(complete(canonical(row), {})), avro.schema.parse(once)
    for reader, writer in ((one, other), (other, one)):
        result = ReaderWriterCompatibilityChecker().get_compatibility(reader, writer)  # type: ignore[no-untyped-call]
        assert result.compatibility is SchemaCompatibilityType.compatible


def test_names_are_resolved_as_avro_does_it() -> None:
    text = canonical(json.dumps({"type": "record", "name": "A", "namespace": "n", "aliases": ["B"], "fields": [
        {"name": "f", "type": {"type": "fixed", "name": "F", "namespace": "m", "size": 3}}, {"name": "g", "type": "m.F"},
        {"name": "h", "type": {"type": "enum", "name": "E", "symbols": ["X"]}}, {"name": "i", "type": ["null", "E", "n.E2"]}]}))
    lent = {"n.E2": {"type": "enum", "name": "n.E2", "symbols": ["Y"]}}
    whole = standalone(text, lent)
    assert set(definitions(whole)) == {"n.A", "m.F", "n.E", "n.E2"}
    assert whole["aliases"] == ["n.B"]
    assert [branch if isinstance(branch, str) else branch["name"] for branch in whole["fields"][3]["type"]] == ["null", "n.E", "n.E2"]
    assert json.loads(complete(text, lent)) == whole
    with pytest.raises(RegistryError):
        complete(text, {})


def test_what_two_references_share_is_defined_once() -> None:
    leaf = {"type": "fixed", "name": "n.Leaf", "size": 2}
    lent = {"n.Leaf": leaf, "n.Left": {"type": "record", "name": "n.Left", "fields": [{"name": "l", "type": "n.Leaf"}]},
            "n.Right": {"type": "record", "name": "n.Right", "fields": [{"name": "r", "type": "n.Leaf"}]}}
    text = canonical(json.dumps({"type": "record", "name": "n.Top", "fields": [
        {"name": "a", "type": "Right"}, {"name": "b", "type": "n.Left"}, {"name": "c", "type": "n.Leaf"}]}))
    whole = standalone(text, lent)
    assert json.dumps(whole).count('"size"') == 1
    assert complete(text, lent)


def test_a_referenced_type_without_a_namespace_is_found_from_within_one() -> None:
    text = canonical('{"type":"record","name":"n.Top","fields":[{"name":"a","type":"Plain"}]}')
    assert complete(text, {"Plain": {"type": "fixed", "name": "Plain", "size": 1}})
