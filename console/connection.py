"""Which bus a command talks to: the one the environment names, else the one that runs on this machine under `home`.

`up` and the demo leave `<home>/connection.json` (address, user, path of the password file; no secret) for other terminals.
"""

import json
import os
from pathlib import Path
from typing import Any

from schemas.errors import HaltError
from schemas.text import Text
from wire.secret import read_secret
from wire.settings import KafkaSettings

__all__ = ["CONNECTION", "DEFAULT_HOME", "connect", "connect_as", "exactly", "home_directory", "ledger_address", "remember"]

DEFAULT_HOME = ".shutong"
CONNECTION = "connection.json"


def home_directory(asked: Path | None = None) -> Path:
    """`--home`, else SHUTONG_HOME, else `.shutong` here."""
    return (asked or Path(os.environ.get("SHUTONG_HOME") or DEFAULT_HOME)).resolve()


def connect(home: Path) -> KafkaSettings:
    """Settings of the bus to talk to. A HaltError when there is none."""
    if os.environ.get("SHUTONG_BOOTSTRAP"):
        return KafkaSettings()
    known = _known(home)
    if known is None:
        raise HaltError(
            Text(f"{home} 下没有正在运行的总线，也没有设置 SHUTONG_BOOTSTRAP",
                 f"no bus runs under {home}, and SHUTONG_BOOTSTRAP is not set"),
            advice=Text("执行 shutong up 启动本机总线，或设置 SHUTONG_BOOTSTRAP、SHUTONG_KAFKA_USER 和 SHUTONG_KAFKA_PASSWORD_FILE",
                        "run shutong up, or set SHUTONG_BOOTSTRAP, SHUTONG_KAFKA_USER and SHUTONG_KAFKA_PASSWORD_FILE"))
    kafka = dict(known["kafka"])
    if "kafka_password_file" not in kafka:
        # The bus was given a password that stands in no file: this terminal must be given it too.
        given = KafkaSettings()
        kafka |= {"kafka_password": given.kafka_password, "kafka_password_file": given.kafka_password_file}
    return exactly(**kafka)


def connect_as(home: Path, role: str) -> KafkaSettings:
    """The bus that runs under `home`, spoken to as one of its roles rather than as its administrator.

    Where the environment names the bus, it names the user too; without a password of the role here, it is as for `connect`.
    """
    settings, password = connect(home), home / "secrets" / f"{role}.password"
    if os.environ.get("SHUTONG_BOOTSTRAP") or not password.exists():
        return settings
    return settings.as_role(role, read_secret(password))


def exactly(**known: Any) -> KafkaSettings:
    """Settings of just these and defaults: what the shell has set for another Kafka changes nothing."""
    return KafkaSettings(**{name: field.default for name, field in KafkaSettings.model_fields.items()} | known)


def ledger_address(home: Path) -> str:
    """`host:port` of the ledger's HTTP."""
    named = os.environ.get("SHUTONG_LEDGER_ADDRESS")
    return named or str((_known(home) or {}).get("ledger", "127.0.0.1:8701"))


def remember(home: Path, kafka: dict[str, str], ledger: str, serve: str) -> None:
    """Leave word of the bus that now runs under `home`."""
    path = home / CONNECTION
    fresh = path.with_suffix(".fresh")
    fresh.write_text(json.dumps({"kafka": kafka, "ledger": ledger, "serve": serve}, indent=1), encoding="utf-8")
    fresh.replace(path)


def _known(home: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((home / CONNECTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
