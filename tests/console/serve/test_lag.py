"""How far lanes are behind: what workers say adds up, and where none speaks the offsets do."""

from console.serve.lag import Behind, EndHistory, told_by_workers, uncovered
from schemas.status import LaneLag
from tests.console.serve.conftest import worker


def test_the_lag_of_a_lane_is_the_sum_of_its_workers_records_and_the_worst_of_their_seconds() -> None:
    told = told_by_workers([worker(1, raw_health=LaneLag(partitions=1, records=7, seconds=0.5)),
                            worker(2, raw_health=LaneLag(partitions=2, records=11, seconds=2.5))])
    assert told == {"raw.health": Behind("raw.health", 3, 18, 2.5, "workers")}


def test_a_lane_with_a_partition_nobody_speaks_for_is_uncovered() -> None:
    told = told_by_workers([worker(1, raw_health=LaneLag(partitions=1, records=0, seconds=0))])
    assert uncovered({"raw.health": 2, "clean.health": 1}, told) == ["clean.health", "raw.health"]
    assert uncovered({"raw.health": 1}, told) == []


def test_records_are_those_between_commit_and_end_and_seconds_since_the_end_passed_the_commit() -> None:
    history = EndHistory()
    for second, end in ((100, 10), (104, 10), (108, 25), (112, 40)):
        history.note({("raw.health", 0): end}, second)
    behind = history.behind(["raw.health"], {("raw.health", 0): 20}, 120)["raw.health"]
    assert (behind.records, behind.seconds, behind.at_least, behind.basis) == (20, 12, False, "offsets")
    behind = history.behind(["raw.health"], {("raw.health", 0): 30}, 120)["raw.health"]
    assert (behind.records, behind.seconds) == (10, 8)


def test_a_lag_older_than_our_watch_says_at_least() -> None:
    history = EndHistory()
    history.note({("raw.health", 0): 50}, 100)
    behind = history.behind(["raw.health"], {}, 130)["raw.health"]
    assert (behind.records, behind.seconds, behind.at_least) == (50, 30, True)


def test_the_partitions_of_a_lane_add_up_and_the_oldest_wait_counts() -> None:
    history = EndHistory()
    history.note({("raw.health", 0): 5, ("raw.health", 1): 5, ("raw.tax", 0): 9}, 100)
    history.note({("raw.health", 0): 7, ("raw.health", 1): 5}, 110)
    history.note({("raw.health", 1): 8}, 120)
    committed = {("raw.health", 0): 5, ("raw.health", 1): 5, ("raw.tax", 0): 9}
    found = history.behind(["raw.health", "raw.tax"], committed, 125)
    assert found["raw.health"] == Behind("raw.health", 2, 5, 15, "offsets", False)
    assert found["raw.tax"] == Behind("raw.tax", 1, 0, 0, "offsets", False)


def test_a_lane_made_anew_begins_a_new_history() -> None:
    history = EndHistory()
    history.note({("raw.health", 0): 500}, 100)
    history.note({("raw.health", 0): 3}, 110)
    assert history.behind(["raw.health"], {("raw.health", 0): 0}, 115)["raw.health"][2:4] == (3, 5)


def test_memory_stays_bounded_while_the_lag_still_grows() -> None:
    history = EndHistory()
    for second in range(5000):
        history.note({("raw.health", 0): second + 1}, second)
    behind = history.behind(["raw.health"], {}, 5000)["raw.health"]
    assert (behind.records, behind.at_least) == (5000, True)
    assert 0 < behind.seconds < 5000
