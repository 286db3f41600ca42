"""Settings of the serve process, from the environment: where it answers, where the ledger does, and where passwords lie."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from wire.secret import read_secret
from wire.settings import KafkaSettings

__all__ = ["ServeSettings"]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class ServeSettings(KafkaSettings):
    """`SHUTONG_SERVE_ADDRESS`, `SHUTONG_LEDGER_ADDRESS`, and the names browsers may call us by."""

    serve_address: str = "127.0.0.1:8700"
    ledger_address: str = "127.0.0.1:8701"
    #: `Host` headers that are answered, by commas, without a port; empty: this machine's own, or any if we listen wider.
    serve_hosts: str = ""
    #: The password of the role `replay`: with it, events of an unknown schema are replayed when the schema appears.
    replay_password: SecretStr | None = None
    replay_password_file: Path | None = None
    #: Whether that is done at all.
    replay_new_schemas: bool = True
    #: Seconds between two snapshots.
    serve_refresh_seconds: float = Field(default=1.5, gt=0)
    #: The home of the bus: its folder `secrets` says by which password a role comes in, and holds that of the control writer.
    home: Path = Path(".shutong")

    @field_validator("serve_address", "ledger_address")
    @classmethod
    def _is_host_and_port(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("write host:port")
        return address

    @property
    def replayer(self) -> KafkaSettings | None:
        """Kafka as the role `replay`; None where it is not to be used, or no password was given."""
        if not self.replay_new_schemas:
            return None
        if self.security == "PLAINTEXT":
            return self.as_role("replay", "")
        password = self.replay_password
        if self.replay_password_file is not None and self.replay_password_file.exists():
            password = read_secret(self.replay_password_file)
        return self.as_role("replay", password) if password is not None else None

    @property
    def bind(self) -> tuple[str, int]:
        """The host and port to listen on."""
        host, _, port = self.serve_address.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def secrets(self) -> Path:
        """The folder of the roles' passwords."""
        return self.home.resolve() / "secrets"

    @property
    def ledger_url(self) -> str:
        """Where the ledger answers."""
        return f"http://{self.ledger_address}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The `Host` headers that are answered. On loopback only its own names: a page elsewhere must not reach us by DNS."""
        if self.serve_hosts:
            return tuple(host.strip() for host in self.serve_hosts.split(",") if host.strip())
        return _LOOPBACK if self.bind[0] in ("127.0.0.1", "localhost", "::1") else ("*",)
