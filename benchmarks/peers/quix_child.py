"""Quix Streams doing nothing, exactly once: `python quix_child.py <topic> <events> <file>`, in an environment of its own.

Every record of the topic passes one function; offsets are committed in transactions every second, as our worker does at
most. Writes events/s and CPU µs per event from the first record to the last as JSON.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from quixstreams import Application
from quixstreams.kafka import ConnectionConfig


class Clock:
    """Wall and CPU time from the first record to the last."""

    def __init__(self, events: int, file: Path) -> None:
        self._events, self._file = events, file
        self._seen = 0
        self._began = (0.0, 0.0)

    def see(self, value: Any) -> Any:
        """One record."""
        if not self._seen:
            self._began = (time.perf_counter(), _cpu())
        self._seen += 1
        if self._seen == self._events:
            wall, cpu = time.perf_counter() - self._began[0], _cpu() - self._began[1]
            part = self._file.with_suffix(".part")
            part.write_text(json.dumps({"rate": self._events / wall, "cpu": cpu / self._events * 1e6}))
            part.rename(self._file)
        return value


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    topic, events, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    broker = ConnectionConfig(bootstrap_servers=os.environ["SHUTONG_BOOTSTRAP"], security_protocol="sasl_plaintext",
                              sasl_mechanism="SCRAM-SHA-512", sasl_username=os.environ["SHUTONG_KAFKA_USER"],
                              sasl_password=os.environ["SHUTONG_KAFKA_PASSWORD"])
    app = Application(broker_address=broker, consumer_group=f"{topic}.quix", auto_offset_reset="earliest",
                      processing_guarantee="exactly-once", commit_interval=1.0, use_changelog_topics=False,
                      auto_create_topics=False, loglevel="WARNING", state_dir=str(file.parent / "state"))
    clock = Clock(events, file)
    app.dataframe(app.topic(topic, value_deserializer="bytes", key_deserializer="bytes")).apply(clock.see)
    app.run(count=events)


if __name__ == "__main__":
    main()
