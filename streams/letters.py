"""Letters to quarantine: a rejected record with its original bytes, every reason and its place, as an output.

And what is told of findings where there is no room for all of it.
"""

from schemas.codec import encode_letter
from schemas.lanes import room_for
from schemas.letter import Finding, Letter
from schemas.names import Names
from streams.chunk import Output

__all__ = ["about", "brief", "letter_output"]

#: With these a finding has a kilobyte or two, all of them together less than a lane has beyond its largest record.
_LONGEST_TEXT = 200
_MOST_FINDINGS = 500


def about(reason: str) -> tuple[Finding, ...]:
    """The one finding about a whole event."""
    return (Finding("", reason, "reject"),)


def brief(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings in bounded room. A long value is left out whole: a part of one might be taken for a value."""
    return tuple(Finding(field[:_LONGEST_TEXT], reason, severity, _short(before), _short(after))
                 for field, reason, severity, before, after in findings[:_MOST_FINDINGS])


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST_TEXT else ""


def letter_output(letter: Letter) -> Output:
    """The letter on its way to the provider's quarantine, keyed by where the record stands. It fits, whatever is in it.

    What has no room is shortened; original bytes that then still do not fit stay on the lane they came from, and the
    letter says where that is.
    """
    lane = Names.dead(Names.provider_of(letter.lane))
    key = letter.place.encode()
    room = room_for(lane) - len(key)
    value = encode_letter(letter)
    if len(value) > room:
        letter = letter._replace(stream=letter.stream[:_LONGEST_TEXT], findings=brief(letter.findings))
        value = encode_letter(letter)
    if len(value) > room:
        value = encode_letter(letter._replace(key=None, value=None))
    return lane, value, key, -1, letter.handled, None
