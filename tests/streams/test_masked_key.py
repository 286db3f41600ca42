"""Where a subscriber sees the key only masked, nothing delivered leads back to the record, and no two can be joined."""

import hashlib
import hmac

from schemas.codec import EventCodec
from schemas.control import Mask
from schemas.envelope import Event
from schemas.masks import Blind
from streams.chunk import Handled
from streams.route import route
from tests.streams.world import FIELDS, NOW, PEOPLE, SECRET, chunk, city, compiled, key_of, memory, resident, value

LANE = "clean.health"
HIDDEN = {"resident_id": Mask(kind="hmac")}
PLAN = city(subscriptions={"medical.health.resident": {"fields": FIELDS, "masks": HIDDEN},
                           "bank.health.resident": {"fields": FIELDS, "masks": HIDDEN},
                           "survey.health.resident": {"fields": ("name", "division")}})


def told(handled: Handled) -> dict[str, tuple[bytes, Event]]:
    """Key and event by subscriber."""
    found = {}
    for lane, data, key, *_ in handled.outputs:
        assert data is not None
        number = int.from_bytes(data[1:5], "big")
        found[lane.removeprefix("deliver.")] = (key, EventCodec(PLAN.schemas[number].text, number).decode(data))
    return found


def test_key_and_id_are_hashes_of_the_subscription_and_the_position_is_blank() -> None:
    for op in ("c", "d"):
        row = resident() if op == "c" else None
        outputs = told(route(chunk(LANE, [(7, NOW, key_of(PEOPLE[0]), value(op, row, seq=3))]), compiled(PLAN),
                             memory((LANE, 0)), NOW))
        for name in ("medical", "bank", "survey"):
            key, event = outputs[name]
            expected = [hmac.new(SECRET, f"{name}.health.resident\0{text}".encode(), hashlib.sha256).hexdigest()
                        for text in (PEOPLE[0], "id-0-3")]
            assert [key.decode(), event.meta.id] == expected
            assert (event.meta.stream, event.meta.epoch, event.meta.seq) == ("", 0, 0)
            if row is not None and name != "survey":
                assert event.row is not None
                assert event.row["resident_id"] == key.decode()
        assert len({key for key, _ in outputs.values()} | {event.meta.id for _, event in outputs.values()}) == 6


def test_a_hash_is_the_hmac_of_the_standard_library_whatever_the_secret() -> None:
    for secret in (b"", b"short", b"x" * 64, b"longer than one block of the hash " * 3):
        blind = Blind(secret, "a.b.c")
        for text in ("", "one", "一", "one", *map(str, range(300))):
            assert blind.hex(text.encode()) == hmac.new(secret, b"a.b.c\0" + text.encode(), "sha256").hexdigest().encode()
