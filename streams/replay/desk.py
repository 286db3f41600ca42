"""The desk at which letters are changed: one person or duty at a time, the next one fences whoever sat there before.

What lies in quarantine is read after that, so nobody decides on what another is about to change. For repairs and replays.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

from schemas.codec import decode_letter, encode_letter
from schemas.control import Plan
from schemas.errors import RetryError
from schemas.lanes import room_for
from schemas.letter import Letter
from schemas.names import Names
from streams.replay.box import Box, Entry, Selection
from streams.replay.decide import Rehearsal
from wire.cluster import Cluster
from wire.publisher import TransactionalPublisher, Unfinished
from wire.reading import LaneReader
from wire.settings import KafkaSettings

__all__ = ["DESK", "Desk", "Lying"]

#: The transactional id of whoever changes letters.
DESK: Final = "bus.replay"

T = TypeVar("T")

#: Letters and bytes of one transaction.
_BATCH: Final = 200
_BATCH_BYTES: Final = 4 << 20
#: How often a transaction that Kafka aborted is made again, and how long a read may stand still (seconds).
_TRIES: Final = 5
_PATIENCE: Final = 30.0


class Lying(NamedTuple):
    """An open letter: as it lies, and `whole`, with the event's bytes from raw where it had no room for them itself."""

    entry: Entry
    letter: Letter
    whole: Letter


class Desk:
    """Reads the letters of a plan's quarantine lanes and, unless it is only to look, changes them."""

    def __init__(self, settings: KafkaSettings, plan: Plan, *, looks: bool = False) -> None:
        self.settings = settings
        self.plan = plan
        self.rehearsal = Rehearsal(plan)
        self._publisher: TransactionalPublisher | None = None
        if not looks:
            self._publisher = self._sit_down()

    @property
    def publisher(self) -> TransactionalPublisher:
        """Where what changes is written; only one that is not just looking has it."""
        assert self._publisher is not None, "this desk only looks"
        return self._publisher

    def box(self, lanes: Collection[str], selection: Selection) -> Box:
        """The letters of these quarantine lanes as they lie now."""
        box = Box(selection, self.rehearsal, self._whole)
        if lanes:
            with LaneReader(self.settings, lanes) as reader:
                for batch in reader.to_end(_PATIENCE):
                    box.take(batch)
        return box

    def batches(self, entries: Iterable[Entry]) -> Iterator[list[Lying]]:
        """These letters with their bytes, some at a time."""
        wanted = {(entry.lane, entry.partition, entry.offset): entry for entry in entries}
        if not wanted:
            return
        batch: list[Lying] = []
        size = 0
        for entry, letter in self._read(wanted):
            batch.append(Lying(entry, letter, self._whole(letter)))
            size += len(batch[-1].whole.going or b"")
            if len(batch) >= _BATCH or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def write(self, letter: Letter) -> None:
        """Put the letter in place of the one of its name, in the open transaction."""
        self.publisher.send(Names.dead(Names.provider_of(letter.lane)), letter.place.encode(), encode_letter(letter),
                            timestamp=letter.changed)

    @staticmethod
    def fits(letter: Letter) -> bool:
        """Whether the quarantine has room for it."""
        lane = Names.dead(Names.provider_of(letter.lane))
        return len(encode_letter(letter)) + len(letter.place.encode()) <= room_for(lane)

    def insist(self, step: Callable[[], T]) -> T:
        """Make a step whose transaction Kafka may have to abort, again while it does; nothing of an aborted one is left."""
        for left in reversed(range(_TRIES)):
            try:
                return step()
            except Unfinished:
                raise
            except RetryError as error:
                if not left:
                    raise
                time.sleep(error.after)
        raise AssertionError

    def close(self) -> None:
        """Leave the desk."""
        if self._publisher is not None:
            self._publisher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _sit_down(self) -> TransactionalPublisher:
        return TransactionalPublisher(self.settings, self.settings.names.transactional_id(DESK), told=True)

    def _read(self, wanted: dict[tuple[str, int, int], Entry]) -> Iterator[tuple[Entry, Letter]]:
        """From their places on the lanes; one that is not there any more was changed by nobody but compaction, or is over age."""
        start: dict[tuple[str, int], int] = {}
        for lane, partition, offset in wanted:
            start[lane, partition] = min(offset, start.get((lane, partition), offset))
        lanes = {lane for lane, _ in start}
        left = len(wanted)
        cluster = Cluster(self.settings)
        ends = cluster.ends(cluster.places(lanes))
        with LaneReader(self.settings, lanes, ends | start) as reader:
            for batch in reader.to_end(_PATIENCE):
                for record in batch:
                    entry = wanted.get((record.lane, record.partition, record.offset))
                    if entry is not None and record.value is not None:
                        left -= 1
                        yield entry, decode_letter(record.value)
                if not left:
                    return

    def _whole(self, letter: Letter) -> Letter:
        """The letter with its event's key and bytes: those on raw, if Kafka still has them, where it holds none itself."""
        if letter.going is not None or letter.subscription or letter.closed:
            return letter
        place = letter.lane, letter.partition
        cluster = Cluster(self.settings)
        if not cluster.beginnings([place])[place] <= letter.offset < cluster.ends([place])[place]:
            return letter
        others = cluster.ends([each for each in cluster.places([letter.lane]) if each != place])
        with LaneReader(self.settings, [letter.lane], others | {place: letter.offset}) as reader:
            for batch in reader.to_end(_PATIENCE):
                for record in batch:
                    if (record.lane, record.partition, record.offset) == (*place, letter.offset):
                        return letter._replace(key=record.key, value=record.value)
        return letter
