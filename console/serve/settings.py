"""Settings of the serve process, from the environment: where it answers, and where the ledger does."""

from pydantic import Field, field_validator

from wire.settings import KafkaSettings

__all__ = ["ServeSettings"]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class ServeSettings(KafkaSettings):
    """`SHUTONG_SERVE_ADDRESS`, `SHUTONG_LEDGER_ADDRESS`, and the names browsers may call us by."""

    serve_address: str = "127.0.0.1:8700"
    ledger_address: str = "127.0.0.1:8701"
    #: `Host` headers that are answered, by commas, without a port; empty: this machine's own, or any if we listen wider.
    serve_hosts: str = ""
    #: Seconds between two snapshots.
    serve_refresh_seconds: float = Field(default=1.5, gt=0)

    @field_validator("serve_address", "ledger_address")
    @classmethod
    def _is_host_and_port(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("write host:port")
        return address

    @property
    def bind(self) -> tuple[str, int]:
        """The host and port to listen on."""
        host, _, port = self.serve_address.rpartition(":")
        return host.strip("[]"), int(port)

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
