"""What the ledger costs: recording, questions over a month of a large city, and a process that has nothing to do.

Run it as `python -m benchmarks.ledger_bench [exchanges]`. The default is 1 bn exchanges in 31 days, put into the table as
tallies of 100 records each (a busy second of one dataset to one subscriber), so 10 M tallies of exchanges and 5 M of
arrived and cleaned. Fewer records a tally means more tallies: time goes with tallies, not with records.

What it measures: the embedded engine on this machine, from Python function to Python result, without HTTP, one question at a
time, the middle of five, so mostly from memory. The month is made in SQL, not recorded; days before today have day tables that
are today's with the date moved. Answers are checked against plain counts of what was put in: volume, peaks, latency, books.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr

from ledger.books import Horizon, books
from ledger.client import LedgerClient
from ledger.days import Days
from ledger.queries import Filter, Json, Period, latency, peaks, per_minute, volume
from ledger.recorder import Recording
from ledger.settings import LedgerSettings
from ledger.shanghai import bounds, iso, today
from ledger.store import Store
from schemas.codec import encode_tallies
from schemas.tally import TallyBook, TallyKey, bucket_top
from trial.kafka import LocalKafka
from wire.admin import Provisioner
from wire.rights import BUS_LANES
from wire.settings import KafkaSettings

DAYS = 31
RECORDS = 100
TARGET_MS = 200
IDLE_SECONDS = 30

#: Of six tallies one is arrived, one cleaned, and four tell the four subscribers of that dataset, so that the books balance: a
#: city of 200 datasets, 30 subscribers and 800 subscriptions. Every second of the day has some.
_FILL = """
INSERT INTO tally
WITH intDiv(number, 6) * 6 AS record, cityHash64(record) % 200 AS d
SELECT 9, {day:UInt32} * 100000000 + number, 0, toDateTime({start:UInt32} + intDiv(record * {span:UInt32}, {count:UInt32}), 'UTC'),
    if(number % 3 = 0, if(number % 2 = 0, 'arrived', 'cleaned'), 'delivered'), 'live', concat('p', toString(d % 20)),
    concat('p', toString(d % 20), '.d', toString(d)),
    if(number % 3 = 0, '', concat('s', toString((d * 7 + number % 6) % 30))), '', $records, $records * 300, 0, 20, 400, $records * 90,
    [toUInt8(22), toUInt8(26), toUInt8(31)], [toUInt32(20), toUInt32(70), toUInt32(10)], 'w', 1
FROM numbers({count:UInt32})
""".replace("$records", str(RECORDS))

_COUNTED = """
INSERT INTO raw_count
SELECT concat('raw.', dept), 0, max(lo), toStartOfHour(at) AS hour, sum(records)
FROM tally WHERE stage = 'arrived' AND at >= toDateTime({start:UInt32}, 'UTC') GROUP BY dept, hour
"""

#: Every day has the same tallies, so an older day's tables are today's with the date moved.
_COPY = (
    """INSERT INTO day_route SELECT r.* REPLACE (r.day - {back:UInt32} AS day) FROM day_route AS r FINAL WHERE r.day = {today:Date}""",
    """INSERT INTO day_peak SELECT r.* REPLACE (r.day - {back:UInt32} AS day, second_at - {back:UInt32} * 86400 AS second_at,
    minute_at - {back:UInt32} * 86400 AS minute_at, hour_at - {back:UInt32} * 86400 AS hour_at)
    FROM day_peak AS r FINAL WHERE r.day = {today:Date}""",
)


def record(store: Store) -> float:
    """Rows a second from messages into the table, decoding included."""
    book, at = TallyBook(), bounds(today(), today())[0]
    for number in range(200):
        for stage in ("arrived", "cleaned", "delivered", "held_back", "returned_up"):
            key = TallyKey(at, stage, "live", "health", f"health.d{number % 40}", f"s{number}" if stage[0] in "dhr" else "")
            book.add(key, records=10, size=3000, latency=number)
    message = encode_tallies("w-1", 1, book)
    recording, messages = Recording(store, Days(store)), 300
    began = time.perf_counter()
    for offset in range(messages):
        recording.take(0, offset, message)
    recording.flush()
    rate = recording.rows / (time.perf_counter() - began)
    [row] = store.rows("SELECT count() AS rows FROM tally")
    assert row["rows"] == messages * len(book)
    return rate


def fill(store: Store, exchanges: int) -> tuple[int, float]:
    """A month of tallies, and its day tables; how many, and the seconds one day's tables took."""
    store.run("TRUNCATE TABLE tally")
    count = exchanges // RECORDS * 3 // 2 // DAYS // 6 * 6
    for day in range(DAYS):
        start, end = bounds(*[today() - timedelta(days=day)] * 2)
        store.run(_FILL, {"day": day, "start": start, "span": end - start, "count": count})
    store.run(_COUNTED, {"start": bounds(today(), today())[0]})
    days = Days(store)
    days.touch(range(*bounds(today(), today()), 3600))
    began = time.perf_counter()
    days.recompute()
    seconds = time.perf_counter() - began
    for back in range(1, DAYS):
        for sql in _COPY:
            store.run(sql, {"back": back, "today": today()})
    days.find()
    assert not days.pending
    return count * DAYS, seconds


def ask(store: Store, last: date, tallies: int) -> list[str]:
    """Time each question; what of the answers is wrong."""
    month, day = Period(last - timedelta(days=DAYS - 1), last), Period(last, last)
    now = Horizon(settled=True, up_to=time.time() + 60)
    answers: dict[str, Json] = {}
    questions: dict[str, Callable[[], Any]] = {
        "volume, today by stage": lambda: volume(store, day, ("stage",), Filter()),
        "volume, month by dataset and subscriber": lambda: volume(store, month, ("stage", "dataset", "subscriber"), Filter()),
        "volume, month by hour": lambda: volume(store, month, ("stage", "hour"), Filter()),
        "volume, today by minute": lambda: volume(store, day, ("minute",), Filter()),
        "peaks, month, all": lambda: peaks(store, month, "exchange", "all"),
        "peaks, month, by subscriber": lambda: peaks(store, month, "exchange", "subscriber"),
        "latency, month by stage": lambda: latency(store, month, ("stage",), Filter()),
        "books, today": lambda: books(store, day, lambda: now, whole=False),
        "books, today, every row": lambda: books(store, day, lambda: now),
        "last 60 minutes": lambda: {"rows": per_minute(store, 60, time.time())},
    }
    for name, question in questions.items():
        times = []
        for _ in range(5):
            began = time.perf_counter()
            answers[name] = question()
            times.append((time.perf_counter() - began) * 1000)
        middle = statistics.median(times)
        print(f"  {name:42} {middle:7.0f} ms   first {times[0]:6.0f} ms{'' if middle <= TARGET_MS else '   (target: 200 ms)'}", flush=True)
    return [name for name, right in checks(answers, month, tallies // DAYS).items() if not right]


def checks(answers: dict[str, Json], month: Period, count: int) -> dict[str, bool]:
    """Question -> whether its answer is that of a plain count; `count` tallies a day, each day the same."""
    start, end = bounds(month.first, month.first)
    given = [number // 6 * 6 * (end - start) // count for number in range(count) if number % 3]
    windows = {}
    for width, seconds in (("second", 1), ("minute", 60), ("hour", 3600)):
        parts = Counter(at // seconds * seconds for at in given)
        records, began = min((-records, began) for began, records in parts.items())
        windows[width] = (-records * RECORDS, iso(start + began))
    windows["day"] = (len(given) * RECORDS, month.first.isoformat())
    [peak] = answers["peaks, month, all"]["rows"]
    [late] = [row for row in answers["latency, month by stage"]["rows"] if row["stage"] == "delivered"]
    brief, book = answers["books, today"], answers["books, today, every row"]
    arrived = count // 6 * RECORDS
    volumes = {name: (sum(row["records"] for row in answer["rows"]), answer["exchange"])
               for name, answer in answers.items() if name.startswith("volume")}  # fmt: skip
    day = (count * RECORDS, len(given) * RECORDS)
    return {
        **{name: found == tuple(total * (DAYS if "month" in name else 1) for total in day) for name, found in volumes.items()},
        "peaks, month, all": windows == {width: (peak[width]["records"], peak[width]["at"]) for width in windows},
        "peaks, month, by subscriber": sum(row["day"]["records"] for row in answers["peaks, month, by subscriber"]["rows"])
        == len(given) * RECORDS,
        "latency, month by stage": (late["records"], late["min"], late["mean"], late["p50"], late["p99"], late["max"])
        == (len(given) * RECORDS * DAYS, 20, 90, round(bucket_top(26), 1), round(bucket_top(31), 1), 400),
        "books, today": brief["states"] == book["states"] and not (brief["datasets"] or brief["raw"] or brief["subscriptions"]),
        "books, today, every row": book["balanced"] and book["states"]["balanced"] == 24 * (200 + 20 + 800)
        and book["integrity"]["different"] == book["integrity"]["tallies"] == count
        and sum(row["arrived"] for row in book["datasets"]) == sum(row["counted"] for row in book["raw"]) == arrived
        and sum(row["delivered"] for row in book["subscriptions"]) == len(given) * RECORDS,
    }  # fmt: skip


def idle(home: Path) -> None:
    """CPU and memory of the process with the month in its day tables and nothing to do."""
    with LocalKafka(home / "kafka", die_with_parent=True) as broker:
        password = broker.password("admin")
        admin = KafkaSettings(bootstrap=broker.bootstrap, kafka_user="admin", kafka_password=SecretStr(password))
        Provisioner(admin).ensure_lanes(BUS_LANES)
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "SHUTONG_HOME": str(home),
               "SHUTONG_BOOTSTRAP": broker.bootstrap, "SHUTONG_KAFKA_USER": "admin", "SHUTONG_KAFKA_PASSWORD": password,
               "SHUTONG_LEDGER_ADDRESS": "127.0.0.1:8791"}
        process = subprocess.Popen([sys.executable, "-m", "ledger.process"], env=env)
        try:
            with LedgerClient("127.0.0.1:8791") as client:
                client.wait_until_ready(60)
                client.books()
                time.sleep(10)
                watched = psutil.Process(process.pid)
                before = watched.cpu_times()
                time.sleep(IDLE_SECONDS)
                after = watched.cpu_times()
                used = after.user + after.system - before.user - before.system
                print(f"  idle process: {used / IDLE_SECONDS:.1%} of a core over {IDLE_SECONDS} s (target 2 %), "
                      f"{watched.memory_info().rss >> 20} MiB resident")
        finally:
            process.terminate()
            process.wait(30)


def main() -> int:
    exchanges = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000_000
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder:
        home = Path(folder)
        with Store(LedgerSettings(home=home, clickhouse="")) as store:
            print(f"  recording: {record(store):,.0f} tallies/s, decoded and inserted, one thread", flush=True)
            tallies, seconds = fill(store, exchanges)
            print(f"  {tallies:,} tallies, {tallies // 3 * 2 * RECORDS:,} exchanges; the tables of one whole day "
                  f"anew: {seconds:.1f} s", flush=True)
            wrong = ask(store, today(), tallies)
            for table in ("tally", "raw_count"):
                store.run(f"TRUNCATE TABLE {table}")  # they have no counterpart on the broker that follows
            print(f"  this process after it: {psutil.Process().memory_info().rss >> 20} MiB resident")
        idle(home)
    if wrong:
        print(f"  WRONG: not what was put in: {'; '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
