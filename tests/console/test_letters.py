"""Letters in groups: items of one array are one group, however many places they stand at."""

from console.letters import grouped
from schemas.codec import encode_letter
from schemas.letter import Finding, Letter
from wire.reading import Record


def test_findings_on_items_of_an_array_are_one_group() -> None:
    places = ("items[0].code", "items[3].code", "items[12].code", "tags{1}", "name")
    findings = tuple(Finding(place, "too_long", "reject") for place in places)
    letter = Letter("raw.health", 0, 7, 1, 2, "health.thing", "", "s", 0, 1, findings, "1", 1, b"k", b"v")
    groups = grouped([Record("dead.health", 0, 0, 2, b"raw.health/0/7", encode_letter(letter))])
    assert {group.field: count.letters for group, count in groups.items()} == {"items[].code": 1, "tags{}": 1, "name": 1}
