"""Any order of polls, rebalances, commits and failures: each record in exactly one committed transaction, in order."""

import asyncio
from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.streams.transport.group import CLEAN, LANE, Broker, Fenced, Message, Worker, held, view

SLOTS = ("w1", "w2", "w3")
#: of the raw lane; the last one is of a clean lane, whose records are remembered
PARTITIONS = 3
PLACES = [*((LANE, number) for number in range(PARTITIONS)), (CLEAN, 0)]

slots = st.sampled_from(SLOTS)


class AnyOrder(RuleBasedStateMachine):
    """Three slots over four partitions. Processes start, die, freeze; Kafka aborts, kicks, rebalances, keeps silent."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.workers: dict[str, Worker] = {}
        self.zombies: list[Worker] = []
        self.version = 1

    @initialize(gaps=st.lists(st.integers(1, 3), min_size=12, max_size=40), unknown=st.sets(st.integers(0, 60), max_size=3))
    def begin(self, gaps: list[int], unknown: set[int]) -> None:
        logs = {}
        for number, place in enumerate(PLACES):
            logs[place] = [sum(gaps[:index]) for index in range(len(gaps) - number)]
        self.broker = Broker(logs, {((LANE, offset % PARTITIONS), offset): 3 for offset in unknown})
        for slot in SLOTS[:2]:
            self._start(slot)

    def _start(self, slot: str) -> None:
        self.workers[slot] = Worker(self.broker, self.loop, slot, view(self.version))

    def _act(self, slot: str, act: Callable[[Worker], object]) -> None:
        worker = self.workers.get(slot)
        if worker is not None:
            try:
                act(worker)
            except Fenced:
                del self.workers[slot]

    @rule(slot=slots)
    def read(self, slot: str) -> None:
        self._act(slot, lambda worker: worker.read())

    @rule(slot=slots, chunks=st.integers(0, 8), commit=st.booleans())
    def work(self, slot: str, chunks: int, commit: bool) -> None:
        """What happens most of the time."""
        self.read(slot)
        for _ in range(chunks):
            self.handle(slot)
        if commit:
            self.commit(slot)

    @rule(turns=st.integers(1, 3), rest=st.integers(0, 4))
    def all_work(self, turns: int, rest: int) -> None:
        """The group comes to rest, each member gets on, and some of what they handled is left uncommitted."""
        for turn in range(turns):
            for slot in SLOTS:
                self.work(slot, 4 if turn + 1 < turns else rest, turn + 1 < turns)

    @rule(slot=slots, turns=st.integers(1, 3))
    def read_ahead(self, slot: str, turns: int) -> None:
        """The queue fills."""
        for _ in range(turns):
            self.read(slot)

    @rule(slot=slots, what=st.sampled_from(["commit", "abort", "kick", "rebalance", "handle"]))
    def read_while(self, slot: str, what: str) -> None:
        """Something happens in the middle of a read."""
        worker = self.workers.get(slot)
        if worker is None:
            return
        worker.consumer.during.append({"commit": worker.commit, "abort": lambda: self._abort(worker),
                                       "kick": lambda: self.broker.kick(slot), "rebalance": self.broker.rebalance,
                                       "handle": worker.handle_one}[what])
        self._act(slot, lambda worker: worker.read())

    @rule(slot=slots)
    def handle(self, slot: str) -> None:
        self._act(slot, lambda worker: worker.handle_one())

    @rule(slot=slots, chunks=st.integers(1, 2))
    def take(self, slot: str, chunks: int) -> None:
        """Faust has some chunks in its buffers, where nobody can take them back."""
        for _ in range(chunks):
            self._act(slot, lambda worker: worker.take())

    @rule(slot=slots)
    def handle_what_kafka_refuses(self, slot: str) -> None:
        def act(worker: Worker) -> None:
            worker.producer.refuse = True
            worker.handle_one()
            worker.producer.refuse = False

        self._act(slot, act)

    @rule(slot=slots)
    def commit(self, slot: str) -> None:
        self._act(slot, lambda worker: worker.commit())

    @rule(slot=slots)
    def abort(self, slot: str) -> None:
        self._act(slot, self._abort)

    @staticmethod
    def _abort(worker: Worker) -> None:
        worker.producer.fail = True
        worker.commit()
        worker.producer.fail = False

    @rule(slot=slots)
    def kill_and_start(self, slot: str) -> None:
        """kill -9, then the slot starts again: it fences what is left of the old one."""
        old = self.workers.pop(slot, None)
        if old is not None:
            self.zombies.append(old)
            self.broker.kick(slot)
        self._start(slot)

    @rule(slot=slots, chunks=st.integers(1, 4), at=st.sampled_from(["counts", "commit"]))
    def rebalance_while_kafka_refuses(self, slot: str, chunks: int, at: str) -> None:
        """What was handled cannot be committed any more when its partitions go."""
        self.work(slot, chunks, commit=False)

        def act(worker: Worker) -> None:
            worker.producer.refuse, worker.producer.fail = at == "counts", at == "commit"
            self.broker.rebalance()
            worker.read()
            worker.producer.refuse = worker.producer.fail = False

        self._act(slot, act)

    @rule(slot=slots)
    def kick(self, slot: str) -> None:
        self.broker.kick(slot)

    @rule()
    def rebalance(self) -> None:
        self.broker.rebalance()

    @rule(slot=slots, chunks=st.integers(1, 6))
    def rebalance_without_a_word(self, slot: str, chunks: int) -> None:
        """One member is assigned anew, with work at hand, before it heard that anything was taken."""
        self.work(slot, chunks, commit=False)
        self.broker.untold.add(slot)
        self.broker.rebalance()
        for other in SLOTS:
            self.read(other)
        self.all_work(2, 0)

    @rule(slot=slots, handled=st.integers(1, 6), taken=st.integers(1, 2))
    def abort_with_chunks_in_hand(self, slot: str, handled: int, taken: int) -> None:
        """What Faust holds meets partitions that were opened anew meanwhile."""
        self.read_ahead(slot, 3)
        for _ in range(handled):
            self.handle(slot)
        self.take(slot, taken)
        self.abort(slot)
        self.read(slot)
        self.take(slot, PARTITIONS)
        self.work(slot, 4, commit=True)

    @rule(place=st.sampled_from(PLACES), known=st.booleans())
    def position_is_undecided(self, place: tuple[str, int], known: bool) -> None:
        (self.broker.undecided.discard if known else self.broker.undecided.add)(place)

    @rule(end=st.none() | st.integers(0, 40))
    def a_transaction_hides_the_end_of_the_clean_lane(self, end: int | None) -> None:
        """From those who remember: they have to come back for the rest."""
        if end is None:
            self.broker.stable.clear()
        else:
            self.broker.stable[CLEAN, 0] = end

    @rule(slot=slots, half=st.integers(1, 3))
    def remembering_is_cut_short(self, slot: str, half: int) -> None:
        """The group changes while a clean partition is on its way back."""
        for turn in range(2):
            self.broker.rebalance()
            for other in SLOTS:
                for _ in range(half + turn):
                    self.read(other)
        self.all_work(2, 0)

    @rule()
    def zombies_wake(self) -> None:
        """A process that was fenced meanwhile tries to go on."""
        for zombie in self.zombies:
            for act in (zombie.handle_one, zombie.commit):
                try:
                    act()
                except Fenced:
                    break

    @rule(slot=slots)
    def plan_moves(self, slot: str) -> None:
        self.version = min(self.version + 1, 4)
        self._act(slot, lambda worker: worker.follow(self.version))

    @rule(slot=slots)
    def plan_arrives(self, slot: str) -> None:
        self._act(slot, lambda worker: worker.follow(self.version))

    @rule(slot=slots)
    def patience_ends(self, slot: str) -> None:
        self._act(slot, lambda worker: worker.give_up())

    @invariant()
    def what_is_committed_is_the_beginning_of_the_log(self) -> None:
        for place, log in getattr(self, "broker", Broker({})).logs.items():
            offset, _ = self.broker.committed.get(place, (0, ""))
            done = self.broker.done.get(place, [])
            assert [at for at, _ in done] == [at for at in log if at < offset]
            versions = [version for _, version in done]
            assert versions == sorted(versions)

    @invariant()
    def who_held_a_record_is_known_whoever_remembers_it(self) -> None:
        for (lane, _), told in getattr(self, "broker", Broker({})).before.items():
            log = self.broker.logs[CLEAN, 0]
            if lane == CLEAN:
                assert told == [held(Message((CLEAN, 0), at).key(), log[:index]) for index, at in enumerate(log[:len(told)])]

    @invariant()
    def the_books_tell_of_what_is_committed_and_of_nothing_else(self) -> None:
        broker = getattr(self, "broker", Broker({}))
        assert broker.tallied == sum(map(len, broker.done.values()))

    @invariant()
    def nothing_of_an_older_generation_waits(self) -> None:
        for worker in self.workers.values():
            assert worker.queued_generations() <= {worker.transaction.positions.generation}

    def teardown(self) -> None:
        """When everything heals, everything arrives."""
        if not self.workers:
            self._start("w1")
        self.broker.undecided.clear()
        self.broker.stable.clear()
        for _ in range(60):
            for slot in SLOTS:
                if slot in self.workers:
                    self.plan_arrives(slot)
                    self.read(slot)
                    self.patience_ends(slot)
                    for _ in range(8):
                        self.handle(slot)
                    self.commit(slot)
        for place, log in self.broker.logs.items():
            assert [at for at, _ in self.broker.done.get(place, [])] == log
        self.who_held_a_record_is_known_whoever_remembers_it()
        self.the_books_tell_of_what_is_committed_and_of_nothing_else()
        self.loop.close()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=300, stateful_step_count=50, deadline=None,
                                 suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
