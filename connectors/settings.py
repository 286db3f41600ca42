"""Settings of the connect process, from the environment."""

from pydantic import Field

from wire.settings import KafkaSettings

__all__ = ["ConnectSettings"]


class ConnectSettings(KafkaSettings):
    """`SHUTONG_CONNECT_STATUS_SECONDS`: how often each instance tells its status."""

    connect_status_seconds: float = Field(default=2.0, gt=0)
    #: Seconds before a run that met a RetryError begins again: the first time, and at most.
    connect_retry_seconds: float = Field(default=1.0, gt=0)
    connect_retry_most_seconds: float = Field(default=30.0, gt=0)
    #: Seconds before a run that met a HaltError is tried again: a person may have mended it.
    connect_halt_seconds: float = Field(default=30.0, gt=0)
