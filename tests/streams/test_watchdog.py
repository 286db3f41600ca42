"""When a worker that stands still is ended, and when it is not: looks count, so a process that was stopped has not stood still."""

from dataclasses import dataclass

from streams.watchdog import Watchdog


@dataclass
class Engine:
    """What the watchdog sees."""

    done: int = 0
    work: bool = True
    call: int = 0

    def progress(self) -> tuple[int, ...]:
        return (self.done,)

    def has_work(self) -> bool:
        return self.work


def looks(watchdog: Watchdog, count: int) -> list[str]:
    return [why for _ in range(count) if (why := watchdog.look())]


def dog(engine: Engine, patience: float = 5) -> Watchdog:
    return Watchdog(engine, patience)  # type: ignore[arg-type]


def test_input_that_waits_while_nothing_gets_done_ends_the_worker() -> None:
    engine = Engine()
    watchdog = dog(engine)
    assert looks(watchdog, 5) == []
    assert looks(watchdog, 1) == ["5 s"]


def test_whatever_gets_done_and_nothing_to_do_begin_the_time_anew() -> None:
    engine = Engine()
    watchdog = dog(engine)
    for _ in range(4):
        assert looks(watchdog, 4) == []
        engine.done += 1
        assert looks(watchdog, 1) == []
    assert looks(watchdog, 4) == []
    engine.work = False
    assert looks(watchdog, 20) == []
    engine.work = True
    assert looks(watchdog, 5) == []


def test_a_call_to_kafka_that_does_not_come_back_ends_the_worker_but_many_short_ones_do_not() -> None:
    engine = Engine(work=False)
    watchdog = dog(engine)
    for engine.call in range(1, 50):
        assert looks(watchdog, 1) == []
    assert looks(watchdog, 20)[:1] == ["Kafka"]
    engine.call = 0
    assert looks(watchdog, 20) == []
    engine.call = 7
    assert looks(watchdog, 2) == [], "two looks are none too many for a process that was stopped in between"
