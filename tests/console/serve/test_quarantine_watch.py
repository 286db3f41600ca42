"""What serve remembers of the quarantine: the newest letters of each partition, and only those that Kafka still has."""

from typing import Any

from console.serve.quarantine_watch import Lying
from schemas.codec import encode_letter
from schemas.letter import Finding, Letter
from tests.console.serve.conftest import now_ms
from wire.reading import Record

DEAD, OTHER = ("dead.health", 0), ("dead.tax", 0)


def letter(offset: int, number: int | None = None, *, gone: bool = False, reason: str = "key_mismatch",
           **changes: Any) -> Record:
    """A letter at an offset of its lane about the event `number`, or the tombstone that settles it."""
    number = offset if number is None else number
    finding = Finding("id_number", reason, "reject")
    text = encode_letter(Letter("raw.health", 0, number, now_ms(), now_ms(), "health.resident", "", "health.people", 1, number,
                                (finding,), "1", 1, b"k", b"v", **changes))  # fmt: skip
    return Record(*DEAD, offset, now_ms(), f"raw.health/0/{number}".encode(), None if gone else text)


def test_of_many_letters_only_the_newest_are_kept_and_it_says_so() -> None:
    lying = Lying({DEAD: 0, OTHER: 5}, most=10)
    lying.forget({DEAD: 0, OTHER: 5})
    lying.take(letter(offset) for offset in range(10))
    assert (lying.counted().letters, lying.complete) == (10, True)
    lying.take(letter(offset) for offset in range(10, 10_000))
    view = lying.counted()
    assert (view.letters, view.complete) == (10, False)
    assert view.reasons == (("health.resident", "key_mismatch", 10),)


def test_letters_that_kafka_has_deleted_are_forgotten() -> None:
    lying = Lying({DEAD: 0}, most=10)
    lying.take(letter(offset, reason="id_check" if offset > 2 else "key_mismatch") for offset in range(5))
    lying.take([letter(5, 0)])
    lying.forget({DEAD: 3})
    assert lying.counted().reasons == (("health.resident", "id_check", 2), ("health.resident", "key_mismatch", 1))


def test_they_are_all_again_once_kafka_too_has_deleted_what_was_not_kept() -> None:
    lying = Lying({DEAD: 4}, most=10)
    lying.forget({DEAD: 0})
    assert not lying.complete, "what lay there at the start was not read"
    lying.take(letter(offset) for offset in range(4, 24))
    lying.forget({DEAD: 13})
    assert not lying.complete
    lying.forget({DEAD: 14})
    assert (lying.counted().letters, lying.complete) == (10, True)


def test_a_settled_letter_makes_room_for_another() -> None:
    lying = Lying({DEAD: 0}, most=3)
    lying.forget({DEAD: 0})
    lying.take([letter(0), letter(1), letter(2), letter(3, 1, gone=True), letter(4)])
    assert (lying.counted().letters, lying.complete) == (3, True)
    lying.take([letter(5, 99, gone=True)])
    assert lying.counted().letters == 3


def test_a_letter_that_was_closed_does_not_wait_and_a_repaired_one_does() -> None:
    lying = Lying({DEAD: 0})
    lying.take([letter(0), letter(1), letter(2, 0, closed="replayed"), letter(3, 1, repaired=b"x")])
    assert lying.counted().reasons == (("health.resident", "key_mismatch", 1),)
