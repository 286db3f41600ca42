"""Settings of a worker process, from the environment: those of Kafka, and its home, host, secret and limits."""

import socket
from pathlib import Path

from pydantic import SecretStr

from schemas.errors import HaltError
from schemas.text import Text
from streams.memory import DEFAULT_LIMIT
from wire.secret import read_secret
from wire.settings import KafkaSettings

__all__ = ["WorkerSettings"]


class WorkerSettings(KafkaSettings):
    """`SHUTONG_HOME`, `SHUTONG_HOST`, `SHUTONG_SLOT`, `SHUTONG_SECRET_FILE`, … `slot` 0: the lowest free one."""

    home: Path = Path(".shutong")
    host: str = ""
    slot: int = 0
    #: Keys the HMAC of masked fields and keys; the same for all workers of a bus, never changed.
    secret: SecretStr | None = None
    secret_file: Path | None = None
    #: Bytes of memory for who holds which record (I-12).
    memory_limit: int = DEFAULT_LIMIT
    #: Seconds: input waits and nothing moves for so long, then the process ends and is started again.
    stuck_after: float = 60.0

    @property
    def host_name(self) -> str:
        """`SHUTONG_HOST`, else the machine's name."""
        return self.host or socket.gethostname()

    def mask_secret(self) -> bytes:
        """The secret; a HaltError when it is given nowhere or twice."""
        if (self.secret is None) == (self.secret_file is None):
            raise HaltError(
                Text("脱敏密钥必须且只能给一处", "the secret for masking must be given in exactly one place"),
                advice=Text("设置 SHUTONG_SECRET_FILE（权限 600）或 SHUTONG_SECRET 之一；所有工作进程相同",
                            "set one of SHUTONG_SECRET_FILE (mode 600) and SHUTONG_SECRET, the same for all workers"))
        secret = read_secret(self.secret_file) if self.secret_file is not None else self.secret
        assert secret is not None
        return secret.get_secret_value().encode()
