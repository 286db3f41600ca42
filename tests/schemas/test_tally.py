"""Tallies: whatever the order, and however the work is split, the books come out the same."""

import math

from hypothesis import given
from hypothesis import strategies as st

from schemas.tally import FindingKey, Latencies, Tally, TallyBook, TallyKey, bucket_of, bucket_top

KEYS = [TallyKey(second, stage, "live", "health") for second in (1, 2) for stage in ("arrived", "cleaned")]
ADDS = st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 3), st.integers(0, 500), st.integers(0, 2),
                          st.none() | st.integers(-5, 100_000)), max_size=12)


def book(adds: list[tuple[TallyKey, int, int, int, int | None]]) -> TallyBook:
    kept = TallyBook()
    for key, records, size, fixed, latency in adds:
        kept.add(key, records=records, size=size, fixed=fixed, latency=latency)
    return kept


def rows(kept: TallyBook) -> dict[TallyKey, Tally]:
    told = {tally.key: tally for tally in kept}
    assert len(told) == len(kept)
    return told


@given(ADDS)
def test_a_book_adds_up_what_was_counted(adds: list[tuple[TallyKey, int, int, int, int | None]]) -> None:
    told = rows(book(adds))
    assert told.keys() == {key for key, *_ in adds}
    for key, tally in told.items():
        mine = [add for add in adds if add[0] == key]
        assert (tally.records, tally.bytes, tally.fixed) == tuple(sum(add[spot] for add in mine) for spot in (1, 2, 3))  # type: ignore[misc]
        late = [max(add[4], 0) for add in mine for _ in range(add[1]) if add[4] is not None]
        assert (tally.lat_min, tally.lat_max, tally.lat_sum) == (min(late, default=0), max(late, default=0), sum(late))
        counted = [bucket for bucket, count in zip(tally.lat_b, tally.lat_c, strict=True) for _ in range(count)]
        assert counted == sorted(bucket_of(one) for one in late)


@given(ADDS, st.integers(0, 12))
def test_two_books_merged_say_what_one_would_have(adds: list[tuple[TallyKey, int, int, int, int | None]], cut: int) -> None:
    first, second = book(adds[:cut]), book(adds[cut:])
    first.merge(second)
    assert rows(first) == rows(book(adds))


FOUND = st.lists(st.tuples(st.sampled_from([FindingKey(second, "live", "health", "health.resident", "validity", "sex", reason)
                                            for second in (1, 2) for reason in ("not_listed", "")]), st.integers(1, 9)), max_size=9)


@given(FOUND, st.integers(0, 9))
def test_what_was_found_is_added_up_whoever_found_it(found: list[tuple[FindingKey, int]], cut: int) -> None:
    first, second, sums = TallyBook(), TallyBook(), dict[FindingKey, int]()
    for number, (key, records) in enumerate(found):
        (first if number < cut else second).add_finding(key, records)
        sums[key] = sums.get(key, 0) + records
    first.merge(second)
    assert dict(first.findings()) == sums
    assert not len(first), "what was found is no stage of the exchange"


@given(st.lists(st.tuples(st.integers(-5, 100_000), st.integers(1, 3)), min_size=1, max_size=5), st.booleans())
def test_many_latencies_at_once_are_counted_as_one_by_one(latencies: list[tuple[int, int]], more: bool) -> None:
    spread, key = Latencies(), KEYS[0]
    at_once, singly = TallyBook(), TallyBook()
    if more:
        for kept in (at_once, singly):
            kept.add(key, size=7, latency=55)
    for latency, records in latencies:
        spread.add(latency, records)
        singly.add(key, records=records, size=records, latency=latency)
    total = sum(records for _, records in latencies)
    at_once.add_spread(key, total, total, 0, spread)
    assert rows(at_once) == rows(singly)


@given(st.integers(0, 1 << 40))
def test_a_bucket_holds_what_is_no_later_than_its_top(milliseconds: int) -> None:
    bucket = bucket_of(milliseconds)
    assert milliseconds <= bucket_top(bucket) * (1 + 1e-9) + 1e-9
    assert bucket == 0 or milliseconds > bucket_top(bucket - 1) * (1 - 1e-9)


def test_buckets_are_four_to_an_octave() -> None:
    assert [bucket_of(late) for late in (-1, 0, 1, 3, 7, 1023)] == [0, 0, 4, 8, 12, 40]
    assert math.isclose(bucket_top(40), 1023)
