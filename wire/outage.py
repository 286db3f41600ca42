"""What a Kafka client tells by its side door, in words: an outage once with advice, not each failed connection."""

import logging
import time
from typing import Final

from confluent_kafka import KafkaError

from schemas.text import Text

__all__ = ["Outage"]

_AWAY: Final = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE}
_AGAIN: Final = 30.0

logger = logging.getLogger(__name__)


class Outage:
    """For one client. `hear` may be called many times a second."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._told = float("-inf")

    def hear(self, error: KafkaError) -> None:
        """Log it, unless it only says again that Kafka is away."""
        if error.code() not in _AWAY:
            logger.warning("Kafka: %s", error.name())
        elif time.monotonic() - self._told >= _AGAIN:
            self._told = time.monotonic()
            logger.warning("%s", Text(
                f"Kafka {self._bootstrap} 没有应答 → 确认它已启动、地址 SHUTONG_BOOTSTRAP 正确；恢复后自动继续",
                f"Kafka at {self._bootstrap} does not answer → see that it runs and that SHUTONG_BOOTSTRAP is its address; "
                "we go on by ourselves"))
