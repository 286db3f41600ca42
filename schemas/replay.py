"""The stream `replay`: events that leave quarantine for raw once more, and how each says where it first stood.

Its writer alone gives positions there, and no mark follows them: what is replayed goes out in the transaction that closes
its letter, so nothing is doubled. Epoch and seq say instead what clean must hold the event against.
"""

from typing import Final, NamedTuple

__all__ = ["REPLAY", "Standing", "first_stood"]

#: The stream every provider has, and the cause of what comes on it.
REPLAY: Final = "replay"

#: Bits of a seq that hold the guard; those above hold what of the distance an epoch has no room for.
_GUARD: Final = 46
_EPOCH: Final = 31


class Standing(NamedTuple):
    """`origin`: the offset on raw where the event was first turned away. `guard`: the offset on the same partition below
    which nothing newer of its record was found when it was sent."""

    origin: int
    guard: int

    @property
    def position(self) -> tuple[int, int]:
        """Epoch and seq that say so: the distance and the guard, as plain numbers wherever they fit."""
        distance = self.guard - self.origin
        return distance & ((1 << _EPOCH) - 1), distance >> _EPOCH << _GUARD | self.guard


def first_stood(epoch: int, seq: int, offset: int) -> Standing | None:
    """What the position of an event at this offset says; None if it says nothing that could be true."""
    if epoch < 0 or seq < 0:
        return None
    guard = seq & ((1 << _GUARD) - 1)
    origin = guard - (seq >> _GUARD << _EPOCH | epoch)
    return Standing(origin, guard) if 0 <= origin < guard <= offset else None
