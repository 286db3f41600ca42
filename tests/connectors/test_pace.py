"""The rate limit that protects a department's database."""

from collections.abc import Iterator

from connectors.base import Progress
from connectors.sources.pace import Pace


class Desk:
    """Notes how long it was asked to wait; never waits."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return True

    def report(self, progress: Progress) -> None: ...

    def everything_is_clean(self) -> bool:
        return True

    def remember_published(self) -> None: ...

    def published_keys(self) -> Iterator[bytes]:
        return iter(())


def test_pages_are_kept_apart_as_the_limit_wants() -> None:
    desk = Desk()
    pace = Pace(10, desk)
    assert all(pace(1000) for _ in range(10))
    assert 900 < desk.waits[-1] <= 1000


def test_no_limit_waits_for_nothing() -> None:
    desk = Desk()
    assert Pace(0, desk)(10**9)
    assert desk.waits == [0]
