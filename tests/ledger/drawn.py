"""Tallies drawn at random, and slow, plain counts of them to hold the ledger against."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.codec import encode_tallies
from schemas.tally import FindingKey, FindingTally, Tally, TallyBook, TallyKey

SHANGHAI = ZoneInfo("Asia/Shanghai")
DATASETS = ("health.resident", "health.clinic", "civil.village")
SUBSCRIBERS = ("tax", "police", "province")
EXCHANGE = ("delivered", "returned_up", "returned_down")


def second(text: str) -> int:
    """A Shanghai wall clock time as seconds since 1970."""
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp())


def messages(seed: int, count: int, seconds: Sequence[int], *, most: int = 12) -> list[list[Tally]]:
    """`count` transactions whose tallies fall on some of `seconds`; what arrives is cleaned or quarantined."""
    draw = random.Random(seed)
    return [list(_book(draw, seconds, draw.randint(1, most))) for _ in range(count)]


#: What may be found: field, reason, severity, dimension.
FOUND = (("sex", "not_listed", "reject", "validity"), ("name", "blanks", "fix", "validity"), ("name", "required", "reject", "completeness"),
         ("resident_id", "id_division", "suspect", "validity"), ("", "late", "noted", "timeliness"))


def findings_in(message: Sequence[Tally]) -> list[FindingTally]:
    """What was found in the records of a transaction, the same each time; in about half of them nothing."""
    seed = sum(tally.records for tally in message)
    draw, book = random.Random(seed), TallyBook()
    for tally in message:
        key = tally.key
        if key.stage in ("cleaned", "quarantined") and not key.subscriber and seed % 2:
            for field, reason, severity, dimension in draw.sample(FOUND, draw.randint(0, 3)):
                found, records = FindingKey(key.at, key.cause, key.dept, key.dataset, dimension), draw.randint(1, tally.records)
                book.add_finding(found._replace(field=field, reason=reason, severity=severity), records)
                if severity != "suspect":
                    book.add_finding(found, records)
    return list(book.findings())


def encoded(sent: Iterable[Sequence[Tally]]) -> list[bytes]:
    """Messages with what was found, as workers write them."""
    return [encode_tallies("w-1", 1, message, findings_in(message)) for message in sent]


def _book(draw: random.Random, seconds: Sequence[int], events: int) -> TallyBook:
    book = TallyBook()
    for _ in range(events):
        at, dataset = draw.choice(seconds), draw.choice(DATASETS)
        cause = draw.choice(("live", "live", "live", "snapshot", "resend", "replay"))
        records, latency = draw.randint(1, 60), int(draw.expovariate(1 / 200))
        provider = dataset.split(".")[0]
        fate = draw.choice(("cleaned", "cleaned", "quarantined", "duplicate"))
        for stage in ("arrived", fate):
            fixed = records // 3 if stage == "cleaned" else 0
            book.add(TallyKey(at, stage, cause, provider, dataset), records=records, size=records * 90, fixed=fixed,
                     latency=latency)
        if fate == "cleaned":
            for subscriber in SUBSCRIBERS:
                stage = "returned_up" if subscriber == "province" else draw.choice(("delivered", "held_back"))
                latency = int(draw.expovariate(1 / 300))
                book.add(TallyKey(at, stage, cause, provider, dataset, subscriber), records=records, size=records * 70,
                         latency=latency if stage != "held_back" else None)
    return book


def flat(sent: Iterable[Iterable[Tally]]) -> Iterator[Tally]:
    for message in sent:
        yield from message


def sums(tallies: Iterable[Tally]) -> Counter[tuple[str, ...]]:
    """Records by stage, cause, provider, dataset, subscriber, day, hour, minute."""
    found: Counter[tuple[str, ...]] = Counter()
    for tally in tallies:
        when = datetime.fromtimestamp(tally.key.at, SHANGHAI)
        hour = when.replace(minute=0, second=0)
        key = tally.key
        found[key.stage, key.cause, key.dept, key.dataset, key.subscriber, when.date().isoformat(), hour.isoformat(),
              when.replace(second=0).isoformat()] += tally.records
    return found


def peak(tallies: Iterable[Tally], stages: Sequence[str], width: int, field: str = "", name: str = "") -> tuple[int, int, str]:
    """The largest aligned window of live records: how many, when it begins, its largest dataset; ties: earliest, by name."""
    windows: Counter[int] = Counter()
    parts: dict[int, Counter[str]] = {}
    for tally in tallies:
        key = tally.key
        if key.stage in stages and key.cause == "live" and (not field or getattr(key, field) == name):
            began = _window(key.at, width)
            windows[began] += tally.records
            parts.setdefault(began, Counter())[key.dataset] += tally.records
    if not windows:
        return 0, 0, ""
    records, began = min((-records, began) for began, records in windows.items())
    top = min((-part, dataset) for dataset, part in parts[began].items())[1]
    return -records, began, top


def _window(at: int, width: int) -> int:
    if width == 86400:
        return int(datetime.fromtimestamp(at, SHANGHAI).replace(hour=0, minute=0, second=0).timestamp())
    return at // width * width
