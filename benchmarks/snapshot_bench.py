"""The first snapshot of an SQL table on real PostgreSQL and Kafka: rows a second and CPU, next to a plain loop.

Run it as `python -m benchmarks.snapshot_bench [rows]`; 300,000 by default. The plain loop fetches by a server-side cursor and
produces the rows as JSON, without exactly-once, Avro or keys checked. Two tables: one that grew over time, and one loaded
at once, whose rows all lie in the look-back window. Every row must lie on raw once, or the benchmark fails.
"""

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
from confluent_kafka import Producer
from pydantic import SecretStr

from connectors.board import Board
from connectors.runner import SourceRunner
from connectors.settings import ConnectSettings
from connectors.tasks import source_task
from schemas.contract import event_schema
from schemas.control import ConnectorInstance, Dataset, Plan, SchemaText
from trial.city.postgres import LocalPostgres
from trial.kafka import LocalKafka
from wire.admin import BUS_LANES, Provisioner
from wire.reading import LaneReader
from wire.settings import KafkaSettings

TARGET = 50_000
COLUMNS = ("id", "name", "sex", "birth_date", "phone", "division", "address", "status")
TABLE = f"""create table resident ({", ".join(f"{name} text not null" for name in COLUMNS)},
  updated_at timestamptz not null, primary key (id))"""
ROWS = """insert into resident select '3415' || lpad(n::text, 14, '0'), '张' || mod(n, 997), mod(n, 2)::text, '1980-01-01',
  '138' || lpad(n::text, 8, '0'), '341502', '安徽省六安市金安区解放路' || mod(n, 500) || '号', 'registered',
  now() - n * %s * interval '1 second'
  from generate_series(1, %s) n"""
SCHEMA = json.dumps({"type": "record", "name": "Resident", "fields": [
    *({"name": name, "type": "string"} for name in COLUMNS),
    {"name": "updated_at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]})  # fmt: skip


def plain(address: str, settings: KafkaSettings, topic: str) -> float:
    """Fetch and produce, nothing else."""
    producer = Producer(settings.publisher_config())
    began = time.monotonic()
    with psycopg.connect(address) as connection, connection.cursor("plain") as cursor:
        cursor.itersize = 5000
        cursor.execute("select * from resident order by id")
        for row in cursor:
            while True:
                try:
                    producer.produce(topic, json.dumps(row, default=str, ensure_ascii=False).encode(), row[0].encode())
                    break
                except BufferError:
                    producer.poll(0.05)
    producer.flush()
    return time.monotonic() - began


def snapshot(settings: KafkaSettings, address: str, word: str, lane: str, rows: int) -> tuple[float, float]:
    """One run of the instance until the snapshot is over, its progress shown: seconds, and CPU seconds of this process."""
    name = f"{lane}.resident"
    dataset = Dataset(id=name, title="居民", provider=lane, key=("id",), row_schema=SCHEMA, event_schema=1)
    text = SchemaText(id="1", number=1, subject=f"{lane}.ResidentEvent", text=event_schema(dataset.id, SCHEMA))
    config = {"dataset": dataset.id, "table": "resident", "url": address, "password_file": word, "watermark": "updated_at",
              "rows_per_second": 0}  # fmt: skip
    instance = ConnectorInstance(id=f"{lane}.population", kind="sql_table", direction="source", department=lane, config=config)
    task = source_task(Plan(datasets={dataset.id: dataset}, schemas={1: text}), instance)
    board, stop = Board(instance), threading.Event()
    run = threading.Thread(target=SourceRunner(ConnectSettings.model_validate(settings.model_dump()), task, board, stop).run)
    began, used = time.monotonic(), time.process_time()
    run.start()
    while run.is_alive() and ((status := board.read()).phase != "live" or status.rows < rows):
        rate = f"{status.rows_per_second:,.0f}/s, {status.eta_seconds} s left"
        print(f"\r  {status.done:>9,} / {status.total or rows:,} rows, {rate} ", end="", flush=True)
        time.sleep(0.1)
    seconds, cpu = time.monotonic() - began, time.process_time() - used
    print()
    stop.set()
    run.join(20)
    return seconds, cpu


def on_raw(settings: KafkaSettings, lane: str) -> tuple[int, int]:
    """How many events lie on raw, and how many different keys."""
    count, keys = 0, set[bytes | None]()
    with LaneReader(settings, [f"raw.{lane}"]) as reader:
        for batch in reader.to_end():
            count += len(batch)
            keys.update(record.key for record in batch)
    return count, len(keys)


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    wrong = 0
    with tempfile.TemporaryDirectory() as home, LocalKafka(Path(home) / "kafka", die_with_parent=True) as kafka, \
            LocalPostgres(Path(home) / "postgres") as server:
        settings = KafkaSettings(bootstrap=kafka.bootstrap, kafka_user="admin", kafka_password=SecretStr(kafka.password("admin")))
        server.make_database("bench")
        plain_url = server.url("bench").replace("+psycopg", "")
        word = str(Path(home) / "postgres" / "secrets" / "bench.password")
        for lane, seconds_apart, what in (("grown", 60, "grew over time"), ("loaded", 0, "loaded at once")):
            lanes = [f"raw.{lane}", f"clean.{lane}", f"raw.plain-{lane}"]
            Provisioner(settings).ensure_lanes({**BUS_LANES, **dict.fromkeys(lanes, 2)})
            with psycopg.connect(plain_url, autocommit=True) as connection:
                connection.execute("drop table if exists resident")
                connection.execute(TABLE)
                connection.execute(ROWS, (seconds_apart, rows))
                connection.execute("analyze resident")
            used = time.process_time()
            loop = plain(plain_url, settings, f"raw.plain-{lane}")
            loop_cpu = time.process_time() - used
            took, cpu = snapshot(settings, f"postgresql+psycopg://bench@127.0.0.1:{server.port}/bench", word, lane, rows)
            found = on_raw(settings, lane)
            print(f"  {what}: plain loop {rows / loop:,.0f} rows/s, {loop_cpu / rows * 1e6:.1f} µs CPU a row · snapshot "
                  f"{rows / took:,.0f} rows/s (target {TARGET:,}), {cpu / rows * 1e6:.1f} µs: {took / loop:.2f} × its time")  # fmt: skip
            if found != (rows, rows):
                wrong += 1
                print(f"  WRONG: {rows} rows in the table, {found[0]} events of {found[1]} keys on raw")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
