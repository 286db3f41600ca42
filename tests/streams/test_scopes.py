"""Scopes looked up against scopes tried one by one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec.scanner import EventScanner
from schemas.contract import event_schema
from schemas.control import Condition, Subscription
from streams.scopes import Scopes
from tests.streams.slow import holds
from tests.streams.world import RESIDENT, city, resident

PLAN = city()
SCANNER = EventScanner(event_schema(RESIDENT, PLAN.datasets[RESIDENT].row_schema), 1)
TEXTS = {"division": ["341502", "341503", "3416"], "status": ["registered", "moved", ""],
         "phone": ["138", "13812345678", ""]}
CONDITIONS = st.sampled_from(sorted(TEXTS)).flatmap(lambda field: st.builds(
    Condition, field=st.just(field), op=st.sampled_from(["eq", "prefix", "in"]),
    values=st.lists(st.sampled_from(TEXTS[field]), min_size=1, max_size=3).map(tuple)))
ROWS = st.fixed_dictionaries({"division": st.sampled_from(TEXTS["division"]), "status": st.sampled_from(TEXTS["status"]),
                              "phone": st.sampled_from([None, *TEXTS["phone"]])})


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(CONDITIONS, min_size=1, max_size=3), max_size=6), st.lists(ROWS, min_size=1, max_size=6))
def test_looking_up_finds_what_trying_one_by_one_finds(scopes: list[list[Condition]], rows: list[dict[str, str | None]]) -> None:
    items = [Subscription(id=f"s-{number}.health.resident", subscriber=f"s-{number}", dataset=RESIDENT, fields=("name",),
                          scope=tuple(scope), purpose="test", output_schema=9) for number, scope in enumerate(scopes)]
    found = Scopes(SCANNER, [(item, lambda row, item=item: holds(item, SCANNER.decode_row(row))) for item in items])
    for changes in rows:
        row = resident(**changes)
        pieces = SCANNER.encode_row(row)
        assert found.holders(pieces) == tuple(sorted(item.id for item in items if holds(item, row)))
        assert found.holders(pieces) is found.holders(pieces)
