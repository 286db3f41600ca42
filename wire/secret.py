"""Secrets in files: only a file that nobody but its owner can read is one. For every `*_FILE` setting of the bus."""

import os
import stat
from pathlib import Path

from pydantic import SecretStr

from schemas.errors import HaltError
from schemas.text import Text

__all__ = ["read_secret", "write_secret"]


def read_secret(path: Path) -> SecretStr:
    """The file's text without its last line end. A HaltError when it is missing, empty or open to others."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise HaltError(
            Text(f"无法读取口令文件 {path}（{why}）", f"cannot read the password file {path} ({why})"),
            advice=Text("检查路径和所有者", "check the path and its owner"),
        ) from None
    if mode & 0o077:
        raise HaltError(
            Text(f"口令文件 {path} 的权限是 {mode:o}，别人也能读",
                 f"the password file {path} has mode {mode:o}: others can read it"),
            advice=Text(f"执行 chmod 600 {path}", f"run chmod 600 {path}"),
        )  # fmt: skip
    secret = text.rstrip("\r\n")
    if not secret:
        raise HaltError(
            Text(f"口令文件 {path} 是空的", f"the password file {path} is empty"),
            advice=Text("写入口令，一行", "write the password into it, one line"),
        )
    return SecretStr(secret)


def write_secret(path: Path, secret: SecretStr) -> None:
    """Write a secret whole or not at all, of mode 600 from its first byte on."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(secret.get_secret_value() + "\n")
    fresh.replace(path)
