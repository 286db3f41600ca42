"""The first snapshot of an SQL table on real PostgreSQL and Kafka: rows a second, next to a plain loop of the same work.

Run it as `python -m benchmarks.snapshot_bench [rows]`; 300,000 by default. The plain loop fetches by a server-side cursor and
produces the rows as JSON, without exactly-once, Avro or keys checked. Every row must lie on raw once, or the benchmark fails.
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
  '138' || lpad(n::text, 8, '0'), '341502', '安徽省六安市金安区解放路' || mod(n, 500) || '号', 'registered', now() - n * interval '1 minute'
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


def snapshot(settings: KafkaSettings, address: str, word: str, rows: int) -> float:
    """One run of the instance until the snapshot is over, its progress shown."""
    dataset = Dataset(id="health.resident", title="居民", provider="health", key=("id",), row_schema=SCHEMA, event_schema=1)
    text = SchemaText(id="1", number=1, subject="health.ResidentEvent", text=event_schema(dataset.id, SCHEMA))
    config = {"dataset": dataset.id, "table": "resident", "url": address, "password_file": word, "watermark": "updated_at",
              "rows_per_second": 0}  # fmt: skip
    instance = ConnectorInstance(id="health.population", kind="sql_table", direction="source", department="health", config=config)
    task = source_task(Plan(datasets={dataset.id: dataset}, schemas={1: text}), instance)
    board, stop = Board(instance), threading.Event()
    run = threading.Thread(target=SourceRunner(ConnectSettings.model_validate(settings.model_dump()), task, board, stop).run)
    began = time.monotonic()
    run.start()
    while run.is_alive() and ((status := board.read()).phase != "live" or status.rows < rows):
        rate = f"{status.rows_per_second:,.0f}/s, {status.eta_seconds} s left"
        print(f"\r  {status.done:>9,} / {status.total or rows:,} rows, {rate} ", end="", flush=True)
        time.sleep(0.1)
    seconds = time.monotonic() - began
    print()
    stop.set()
    run.join(20)
    return seconds


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as home, LocalKafka(Path(home) / "kafka", die_with_parent=True) as kafka, \
            LocalPostgres(Path(home) / "postgres") as server:
        settings = KafkaSettings(bootstrap=kafka.bootstrap, kafka_user="admin", kafka_password=SecretStr(kafka.password("admin")))
        Provisioner(settings).ensure_lanes({**BUS_LANES, "raw.health": 2, "clean.health": 2, "raw.plain": 2})
        server.make_database("bench")
        with psycopg.connect(server.url("bench").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(TABLE)
            connection.execute(ROWS, (rows,))
            connection.execute("analyze resident")
        loop = plain(server.url("bench").replace("+psycopg", ""), settings, "raw.plain")
        word = Path(home) / "postgres" / "secrets" / "bench.password"
        took = snapshot(settings, f"postgresql+psycopg://bench@127.0.0.1:{server.port}/bench", str(word), rows)
        count, keys = 0, set[bytes | None]()
        with LaneReader(settings, ["raw.health"]) as reader:
            for batch in reader.to_end():
                count += len(batch)
                keys.update(record.key for record in batch)
    print(f"  plain loop {rows / loop:,.0f} rows/s · snapshot {rows / took:,.0f} rows/s (target {TARGET:,}): {took / loop:.2f} × its time")
    if (count, len(keys)) != (rows, rows):
        print(f"  WRONG: {rows} rows in the table, {count} events of {len(keys)} keys on raw")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
