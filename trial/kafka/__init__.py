"""A real Apache Kafka on this machine, without root, docker or an installed Java: fetched, formatted, started, stopped.

For the trial city, `shutong up` and the tests. Everything it writes is under one directory; nothing is global.
"""

from trial.kafka.broker import ADMIN, LocalKafka

__all__ = ["ADMIN", "LocalKafka"]
