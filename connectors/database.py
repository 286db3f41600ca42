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

__all__ = ["DatabaseAddress", "failed", "open_engine", "sqlstate"]


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
    arguments: dict[str, Any] = {"connect_timeout": 5} if url.get_backend_name() != "sqlite" else {}
    if url.get_backend_name() == "postgresql":
        arguments["application_name"] = "shutong"
    return sa.create_engine(
        url, pool_size=1, max_overflow=1, pool_pre_ping=True, hide_parameters=True, connect_args=arguments, **more
    )


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE a driver gave, or an empty string."""
    original = getattr(error, "orig", None)
    return str(getattr(original, "sqlstate", None) or "")


def _number(error: BaseException) -> Any:
    """The number of a MySQL error."""
    return (getattr(getattr(error, "orig", None), "args", None) or ("",))[0]


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
