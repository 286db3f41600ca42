"""Relational databases at the edge: the engine for a configured address, and their errors sorted by what we do next.

No message carries what a driver says: it may quote a row. Only its class and SQLSTATE travel.
"""

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, field_validator, model_validator
from sqlalchemy import exc

from schemas.errors import BusError, HaltError, RetryError
from schemas.text import Text
from wire.secret import read_secret

__all__ = ["DatabaseAddress", "failed", "limits", "open_engine", "sqlstate"]

_CONNECT_SECONDS = 5
#: A host that vanished is noticed after so long.
_GONE_SECONDS = 60
#: MySQL's driver knows no keepalive of its own: a single statement may take so long.
_STATEMENT_SECONDS = 600
_LOCK_SECONDS = 30


class DatabaseAddress(BaseModel):
    """`url` without a password; the password stands in an environment variable or in a file of mode 600."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    password_env: str = ""
    password_file: Path | None = None

    @field_validator("url")
    @classmethod
    def _url_holds_no_password(cls, url: str) -> str:
        try:
            parsed = sa.make_url(url)
        except exc.ArgumentError:
            raise ValueError("not a database address, as in postgresql+psycopg://user@host:5432/database") from None
        if parsed.password is not None or "password" in parsed.query:
            raise ValueError("no password in the address: name it by password_env or password_file")
        return url

    @model_validator(mode="after")
    def _one_password(self) -> "DatabaseAddress":
        if self.password_env and self.password_file:
            raise ValueError("the password comes from password_env or from password_file, not both")
        return self

    def resolve(self) -> sa.URL:
        """The address with its password. A HaltError says where the password is missing."""
        url = sa.make_url(self.url)
        if self.password_file is not None:
            return url.set(password=read_secret(self.password_file).get_secret_value())
        if not self.password_env:
            return url
        if self.password_env not in os.environ:
            raise HaltError(
                Text(
                    f"环境变量 {self.password_env} 没有设置", f"the environment variable {self.password_env} is not set"
                ),
                advice=Text("为连接器进程设置数据库口令", "set the database password for the connect process"),
            )
        return url.set(password=os.environ[self.password_env])


def open_engine(address: DatabaseAddress, **more: Any) -> sa.Engine:
    """An engine with one connection, tested before use. Parameters never appear in its errors."""
    url = address.resolve()
    arguments, commands = limits(url)
    engine = sa.create_engine(
        url, pool_size=1, max_overflow=1, pool_pre_ping=True, hide_parameters=True, connect_args=arguments, **more
    )

    def prepare(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            for command in commands:
                cursor.execute(command)
        connection.commit()

    if commands:
        sa.event.listen(engine, "connect", prepare)
    return engine


def limits(url: sa.URL) -> tuple[dict[str, Any], list[str]]:
    """Arguments of the driver and commands for each new connection, so that nothing waits for ever: neither for a host that
    has vanished nor for a lock that somebody holds, and nobody for a transaction of ours that has stopped on its way."""
    kind = url.get_backend_name()
    if kind == "sqlite":
        return {}, []
    arguments: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS}
    if kind == "postgresql":
        patience = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        arguments |= patience | {"tcp_user_timeout": _GONE_SECONDS * 1000, "application_name": "shutong"}
        waits = {"lock_timeout": _LOCK_SECONDS, "idle_in_transaction_session_timeout": _GONE_SECONDS}
        # Only those it has: what calls itself PostgreSQL need not know them all.
        set_one = "select set_config(name, '{}s', false) from pg_settings where name = '{}'"
        return arguments, [set_one.format(seconds, name) for name, seconds in waits.items()]
    if kind in ("mysql", "mariadb"):
        if url.get_driver_name() == "pymysql":
            arguments |= {"read_timeout": _STATEMENT_SECONDS, "write_timeout": _GONE_SECONDS}
        locks = f"set session innodb_lock_wait_timeout = {_LOCK_SECONDS}, session lock_wait_timeout = {_LOCK_SECONDS}"
        return arguments, [locks]
    return arguments, []


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE a driver gave, or an empty string."""
    original = getattr(error, "orig", None)
    return str(getattr(original, "sqlstate", None) or "")


def _number(error: BaseException) -> Any:
    """The number of a MySQL error."""
    return (getattr(getattr(error, "orig", None), "args", None) or ("",))[0]


def _is_lock(error: BaseException) -> bool:
    """Whether somebody else holds what we wait for."""
    return sqlstate(error) in ("55P03", "40P01") or _number(error) in (1205, 1213)


def _lacks_right(error: BaseException) -> bool:
    """Whether the user may not do this to the table."""
    return sqlstate(error) == "42501" or _number(error) in (1044, 1142, 1143)


def _is_login(error: BaseException) -> bool:
    """Whether the server refused user or password. Looked for in the driver's words where it gives no SQLSTATE."""
    original = getattr(error, "orig", None)
    if sqlstate(error)[:2] == "28" or _number(error) == 1045:
        return True
    return isinstance(error, exc.OperationalError) and "authentication failed" in str(original)


def failed(error: exc.SQLAlchemyError, what: Text) -> BusError:
    """What a database error means: away or busy is a RetryError, anything else a HaltError. It quotes no data."""
    state = sqlstate(error)
    kind = type(getattr(error, "orig", None) or error).__name__
    problem = Text(
        f"{what.zh}（{kind} {state}）".replace(" ）", "）"), f"{what.en} ({kind} {state})".replace(" )", ")")
    )
    if _is_login(error):
        return HaltError(
            problem,
            advice=Text(
                "数据库拒绝了用户或口令：检查 url 中的用户和 password_env 或 password_file",
                "the database refused user or password: check the user in `url` and password_env or password_file",
            ),
        )
    if _lacks_right(error):
        return HaltError(
            problem,
            advice=Text(
                "为连接器的数据库用户授予该表的权限；随后自动继续",
                "grant the connector's database user the right to this table; it goes on by itself then",
            ),
        )
    if _is_lock(error):
        return RetryError(
            problem,
            after=2.0,
            advice=Text(
                "另一个会话持有该表的锁：若一直如此，找到并结束它；锁放开后自动继续",
                "another session holds a lock on the table: if it stays so, find and end it; we go on when it lets go",
            ),
        )
    if isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError) and state != "3D000":
        return RetryError(
            problem,
            after=2.0,
            advice=Text(
                "检查数据库是否运行、网络是否可达；恢复后自动继续",
                "see whether the database runs and is reachable; we go on by ourselves",
            ),
        )
    if isinstance(error, exc.DBAPIError) and (error.connection_invalidated or state[:2] in ("40", "53", "57", "08")):
        return RetryError(problem, after=1.0, advice=Text("稍后自动重试", "we try again by ourselves"))
    return HaltError(
        problem,
        advice=Text(
            "检查表、列、权限和口令；用 check 看全部问题",
            "check table, columns, rights and password; `check` lists all problems",
        ),
    )
