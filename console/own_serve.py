"""The serve of a home while it runs: it keeps the control writer, so what changes the plan is asked of it rather than done beside it.

It is asked only if it speaks to the same bus, by the same name, and is ready; else whoever asks does it himself.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from console.apply_form import LANES, raised
from console.serve.presence import present
from governance.apply import password_file
from governance.holding import Word, say_of_lanes
from schemas.errors import BusError, HaltError, RetryError
from schemas.text import Text
from wire.secret import read_secret
from wire.settings import KafkaSettings

__all__ = ["OwnServe", "broken_off", "note_begun", "own_serve", "say"]

#: Seconds: to be answered at all; between two lines, of which there is one at least every five.
_ANSWER, _SILENCE = 3.0, 30.0
_NOT_OURS = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND, httpx.codes.CONFLICT,
             httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.SERVICE_UNAVAILABLE)


class OwnServe:
    """The serve at an address, spoken to as the control role."""

    def __init__(self, address: str, settings: KafkaSettings, password: str) -> None:
        self._url = f"http://{address}"
        self._bus = {"bootstrap": settings.bootstrap, "prefix": settings.prefix}
        self._auth = ("control", password)

    @contextmanager
    def lines(self, path: str, body: Mapping[str, Any]) -> Iterator[Iterator[dict[str, Any]] | None]:
        """What it says to this, line by line as it happens; None where it is not the one to ask. An error it tells is raised."""
        try:
            with (httpx.Client(timeout=httpx.Timeout(_ANSWER, read=_SILENCE, write=_SILENCE), trust_env=False) as client,
                  client.stream("POST", self._url + path, json={**body, "bus": self._bus}, auth=self._auth) as answer):  # fmt: skip
                if answer.status_code in _NOT_OURS:
                    yield None
                    return
                if answer.status_code != httpx.codes.OK:
                    raise _refused(answer)
                yield (raised(json.loads(line)) for line in answer.iter_lines())
        except httpx.ConnectError:
            yield None
        except (httpx.HTTPError, ValueError):
            raise broken_off() from None

    def say_of_lanes(self, word: str, names: Collection[str]) -> int | None:
        """The version that says so, or None where it is not the one to ask."""
        with self.lines(LANES, {"say": word, "lanes": list(names)}) as lines:
            if lines is None:
                return None
            for line in lines:
                if "version" in line:
                    return int(line["version"])
        raise broken_off()


def own_serve(home: Path, settings: KafkaSettings) -> OwnServe | None:
    """The serve of this home if it runs, is ready, and we have the password of the control role."""
    address = _address(home, settings)
    if address is None or not _is_ready(address):
        return None
    try:
        password = read_secret(password_file(home / "secrets", "control")).get_secret_value()
    except HaltError:
        return None  # it was drawn in another home
    return OwnServe(address, settings, password)


def say(home: Path, settings: KafkaSettings, word: Word, names: Collection[str]) -> int:
    """Hold or release lanes, through the serve of this home or without one; the version that says so."""
    serve = own_serve(home, settings)
    version = serve.say_of_lanes(word, names) if serve is not None else None
    return say_of_lanes(settings, home / "secrets", word, names) if version is None else version


def note_begun(home: Path, settings: KafkaSettings, ready: Collection[str]) -> bool:
    """Let the serve of this home write that workers have begun on these lanes; False where there is none."""
    serve = own_serve(home, settings)
    return serve is not None and serve.say_of_lanes("begun", ready) is not None


def broken_off() -> RetryError:
    return RetryError(Text("serve 没有说完结果", "serve broke off before it told how it ended"),
                      advice=Text("再次执行：没做完的会接着做", "do it again: what was not reached is done then"))


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
    return HaltError(Text(f"serve 拒绝了请求（HTTP {code}）", f"serve refused the request (HTTP {code})"),
                     advice=Text("查看 serve 的日志；或停止它后再执行", "read serve's log; or stop it and try again"))
