"""Who is asking: HTTP Basic with a Kafka role and its password, as they lie in the home's `secrets` folder. For the API of serve.

An unknown role and a wrong password get the same answer after the same work; no password is in a log or an error.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from governance.apply import password_file
from governance.registry.rights import known_roles
from schemas.control import Plan
from schemas.errors import HaltError, RejectError, RetryError
from schemas.text import Text
from wire.secret import read_secret

__all__ = ["Login", "NotLoggedInError"]

#: Longer than any we draw: what is longer is not even looked at.
_LONGEST = 1024


class NotLoggedInError(RejectError):
    """Nobody we know, or not with this password."""

    def __init__(self) -> None:
        super().__init__("not_logged_in", Text("用户名或口令不对", "Unauthorized: this user and password are not known"),
                         advice=Text("用 Kafka 角色名及其口令（secrets/<角色>.password）以 HTTP Basic 登录",
                                     "log in by HTTP Basic with a Kafka role and its password (secrets/<role>.password)"))


class Login:
    """Knows the roles of the plan in force; one that was revoked is out as soon as the plan says so."""

    def __init__(self, folder: Path, plan: Callable[[], Plan | None]) -> None:
        """`folder`: that of the passwords."""
        self._folder = folder
        self._plan = plan
        self._nobody = secrets.token_bytes(32)

    def role(self, authorization: str) -> str:
        """The role behind an `Authorization` header. NotLoggedInError; RetryError while no plan was read yet."""
        plan = self._plan()
        if plan is None:
            raise RetryError(Text("还没有读到控制通道", "the control topics were not read yet"),
                             advice=Text("稍等几秒", "wait some seconds"))
        role, given = _credentials(authorization)
        expected = self._password(role) if role in known_roles(plan) else self._nobody
        if not hmac.compare_digest(sha256(given).digest(), sha256(expected).digest()):
            raise NotLoggedInError
        return role

    def _password(self, role: str) -> bytes:
        try:
            return read_secret(password_file(self._folder, role)).get_secret_value().encode()
        except HaltError:
            return self._nobody  # it was drawn in another home: here nobody can log in by it


def _credentials(authorization: str) -> tuple[str, bytes]:
    """User and password; an empty user where the header is none of Basic's."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic" or len(rest) > _LONGEST:
        return "", b""
    try:
        user, _, password = base64.b64decode(rest.strip(), validate=True).partition(b":")
        return user.decode(), password
    except (binascii.Error, UnicodeDecodeError):
        return "", b""
