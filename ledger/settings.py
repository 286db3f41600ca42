"""What the ledger process must be told, from the environment: where ClickHouse is, and where it answers.

An empty `SHUTONG_CLICKHOUSE` means the embedded engine under `SHUTONG_HOME/ledger`; the code is the same for both.
"""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator

from schemas.errors import HaltError
from schemas.text import Text
from wire.secret import read_secret
from wire.settings import KafkaSettings

__all__ = ["LedgerSettings"]

_MIB = 1 << 20


class LedgerSettings(KafkaSettings):
    """Settings of recorder, auditor and queries; Kafka's come with them."""

    home: Path = Path(".shutong")
    #: `http(s)://user@host:port/database`; empty: the embedded engine.
    clickhouse: str = ""
    clickhouse_password: SecretStr | None = None
    clickhouse_password_file: Path | None = None
    ledger_address: str = "127.0.0.1:8701"
    #: What one query or insert may take of memory, in MiB.
    ledger_memory: int = 1024

    @field_validator("clickhouse")
    @classmethod
    def _names_a_server(cls, url: str) -> str:
        if not url:
            return url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write http://user@host:port/database, or leave it empty for the embedded engine")
        if parts.password is not None:
            raise ValueError("the password belongs into SHUTONG_CLICKHOUSE_PASSWORD_FILE, not into the address")
        return url

    @field_validator("ledger_address")
    @classmethod
    def _is_host_and_port(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("write host:port")
        return address

    @property
    def embedded(self) -> bool:
        """Whether ClickHouse runs inside the ledger process."""
        return not self.clickhouse

    @property
    def path(self) -> Path:
        """The embedded engine's directory."""
        return self.home / "ledger"

    @property
    def memory(self) -> int:
        """Bytes one query or insert may take."""
        return self.ledger_memory * _MIB

    def password(self) -> str:
        """ClickHouse's password; empty when none is set."""
        if self.clickhouse_password is not None and self.clickhouse_password_file is not None:
            raise HaltError(
                Text("ClickHouse 口令给了两处", "the ClickHouse password is given in two places"),
                advice=Text("只保留 SHUTONG_CLICKHOUSE_PASSWORD_FILE 或 SHUTONG_CLICKHOUSE_PASSWORD 之一",
                            "keep one of SHUTONG_CLICKHOUSE_PASSWORD_FILE and SHUTONG_CLICKHOUSE_PASSWORD"),
            )  # fmt: skip
        if self.clickhouse_password_file is not None:
            return read_secret(self.clickhouse_password_file).get_secret_value()
        return self.clickhouse_password.get_secret_value() if self.clickhouse_password is not None else ""
