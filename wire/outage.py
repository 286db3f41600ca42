"""An outage of Kafka, as clients hear of it by their side door (`error_cb`): told once with advice, not each lost connection.

A process may have a hundred clients. What one of them told, the others do not tell again.
"""

import logging
import threading
import time
from typing import Final

from confluent_kafka import KafkaError

from schemas.text import Text

__all__ = ["AWAY", "Outage"]

AWAY: Final = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE}

#: One lost connection is no outage; a client whose Kafka is away tries again within a second and says so each time.
_LASTING: Final = 2.0
_AGAIN: Final = 30.0
#: The client says the same of a broker once in 30 seconds: only after a longer silence is what it says a new outage.
_OVER: Final = 45.0

_told: dict[str, float] = {}
_lock = threading.Lock()

logger = logging.getLogger(__name__)


class Outage:
    """For one client. `hear` may be called many times a second."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._began = self._heard = float("-inf")

    def hear(self, error: KafkaError) -> None:
        """Log it, unless it only says again that Kafka is away."""
        if error.code() not in AWAY:
            logger.warning("Kafka: %s", error.name())
            return
        now = time.monotonic()
        if now - self._heard > _OVER:
            self._began = now
        self._heard = now
        if now - self._began >= _LASTING and self._first(now):
            logger.warning("%s", Text(
                f"Kafka {self._bootstrap} 没有应答 → 确认它已启动、地址 SHUTONG_BOOTSTRAP 正确；恢复后自动继续",
                f"Kafka at {self._bootstrap} does not answer → see that it runs and that SHUTONG_BOOTSTRAP is its address; "
                "we go on by ourselves"))  # fmt: skip

    def _first(self, now: float) -> bool:
        with _lock:
            first = now - _told.get(self._bootstrap, float("-inf")) >= _AGAIN
            if first:
                _told[self._bootstrap] = now
            return first
