"""Letters to quarantine: a rejected record with its original bytes, every reason and its place, as an output."""

from schemas.codec import encode_letter
from schemas.lanes import room_for
from schemas.letter import Finding, Letter
from schemas.names import Names
from streams.chunk import Output

__all__ = ["about", "letter_output"]


def about(reason: str) -> tuple[Finding, ...]:
    """The one finding about a whole event."""
    return (Finding("", reason, "reject"),)


def letter_output(letter: Letter) -> Output:
    """The letter on its way to the provider's quarantine, keyed by where the record stands.

    Bytes that do not fit in a letter stay on the lane they came from; the letter says where that is.
    """
    lane = Names.dead(Names.provider_of(letter.lane))
    place = f"{letter.lane}/{letter.partition}/{letter.offset}"
    key = (f"{place}/{letter.subscription}" if letter.subscription else place).encode()
    value = encode_letter(letter)
    if len(value) + len(key) > room_for(lane):
        value = encode_letter(letter._replace(key=None, value=None))
    return lane, value, key, -1, letter.handled, None
