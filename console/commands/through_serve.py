"""Who carries out an apply: the serve of this home while it runs, since it keeps the control writer; else this very process.

Both say and raise the same. serve is asked only if it speaks to the same bus, by the same name, and is ready.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx

from console.apply_form import PATH, packed, untold
from console.serve.presence import present
from governance.apply import Applied, Told, apply, password_file, preview
from governance.city import read_city
from governance.diff import Line
from schemas.errors import BusError, HaltError, RetryError
from schemas.text import Text
from wire.secret import read_secret
from wire.settings import KafkaSettings

__all__ = ["Applier", "Directly", "ThroughServe", "applier"]

#: Seconds: to be answered at all; between two lines, of which there is one at least every five.
_ANSWER, _SILENCE = 3.0, 30.0
_NOT_OURS = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND, httpx.codes.CONFLICT,
             httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.SERVICE_UNAVAILABLE)


class Applier(Protocol):
    """One city directory, brought to one bus."""

    def preview(self) -> list[Line]:
        """What it would change."""

    def apply(self, told: Told) -> Applied:
        """Change it."""


class Directly:
    """By this process, which makes a control writer for it: one that is kept elsewhere is fenced, and made anew there."""

    def __init__(self, settings: KafkaSettings, folder: Path, secrets: Path) -> None:
        self._settings, self._folder, self._secrets = settings, folder, secrets

    def preview(self) -> list[Line]:
        return preview(self._settings, self._folder)

    def apply(self, told: Told) -> Applied:
        return apply(self._settings, self._folder, self._secrets, told=told)


class ThroughServe:
    """By the serve at an address, as the control role. Where it is not ours after all, `otherwise` does it."""

    def __init__(self, address: str, settings: KafkaSettings, folder: Path, password: str, otherwise: Directly) -> None:
        self._url = f"http://{address}{PATH}"
        self._folder = folder
        self._bus = {"bootstrap": settings.bootstrap, "prefix": settings.prefix}
        self._auth = ("control", password)
        self._otherwise = otherwise

    def preview(self) -> list[Line]:
        read_city(self._folder)  # what is wrong with the directory itself needs nobody else
        with self._lines(dry_run=True) as lines:
            for told in lines or ():
                if isinstance(told, list):
                    return told
            if lines is not None:
                raise _broken_off()
        return self._otherwise.preview()

    def apply(self, told: Told) -> Applied:
        read_city(self._folder)
        with self._lines(dry_run=False) as lines:
            for each in lines or ():
                if isinstance(each, Applied):
                    return each
                if not isinstance(each, list):
                    told(each)
            if lines is not None:
                raise _broken_off()
        return self._otherwise.apply(told)

    @contextmanager
    def _lines(self, *, dry_run: bool) -> Iterator[Iterator[Any] | None]:
        """What serve says, word by word; None where it is not the one to ask."""
        files = packed(self._folder)
        if files is None:
            yield None
            return
        body = {"files": files, "dry_run": dry_run, "bus": self._bus}
        try:
            with (httpx.Client(timeout=httpx.Timeout(_ANSWER, read=_SILENCE, write=_SILENCE), trust_env=False) as client,
                  client.stream("POST", self._url, json=body, auth=self._auth) as answer):  # fmt: skip
                if answer.status_code in _NOT_OURS:
                    yield None
                    return
                if answer.status_code != httpx.codes.OK:
                    raise _refused(answer)
                yield (told for line in answer.iter_lines() if (told := untold(json.loads(line))) is not None)
        except httpx.ConnectError:
            yield None
        except (httpx.HTTPError, ValueError):
            raise _broken_off() from None


def applier(home: Path, settings: KafkaSettings, folder: Path) -> Applier:
    """The serve of this home if it runs and is ready, else this process itself."""
    directly = Directly(settings, folder, home / "secrets")
    address = _address(home, settings)
    if address is None or not _is_ready(address):
        return directly
    try:
        password = read_secret(password_file(home / "secrets", "control")).get_secret_value()
    except HaltError:
        return directly  # it was drawn in another home
    return ThroughServe(address, settings, folder, password, directly)


def _address(home: Path, settings: KafkaSettings) -> str | None:
    """SHUTONG_SERVE_ADDRESS, else where the serve of this home says it is; under a name that this machine reaches it by."""
    known = present(home)
    address = os.environ.get("SHUTONG_SERVE_ADDRESS") or (known.address if known is not None else "")
    if known is not None and (known.bootstrap, known.prefix) != (settings.bootstrap, settings.prefix):
        address = os.environ.get("SHUTONG_SERVE_ADDRESS", "")
    host, _, port = address.rpartition(":")
    return {"0.0.0.0": f"127.0.0.1:{port}", "[::]": f"[::1]:{port}", "::": f"[::1]:{port}"}.get(host, address) or None


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/readyz", timeout=_ANSWER, trust_env=False).status_code == httpx.codes.OK
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _refused(answer: httpx.Response) -> BusError:
    code = answer.status_code
    return HaltError(Text(f"serve 拒绝了 apply（HTTP {code}）", f"serve refused to apply (HTTP {code})"),
                     advice=Text("查看 serve 的日志；或停止它后再执行", "read serve's log; or stop it and apply again"))


def _broken_off() -> RetryError:
    return RetryError(Text("serve 没有说完 apply 的结果", "serve broke off before it told how the apply ended"),
                      advice=Text("再次执行 apply：没做完的会接着做", "apply again: what was not reached is done then"))
