"""Who carries out an apply: the serve of this home while it runs, since it keeps the control writer; else this very process.

Both say and raise the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from console.apply_form import APPLY, Applying, packed, untold
from console.own_serve import OwnServe, broken_off, own_serve
from governance.apply import Applied, Told, apply, preview
from governance.city import read_city
from governance.diff import Line
from wire.settings import KafkaSettings

__all__ = ["Applier", "Directly", "ThroughServe", "applier"]


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
    """By the serve of this home. Where it is not ours after all, `otherwise` does it."""

    def __init__(self, serve: OwnServe, folder: Path, otherwise: Directly) -> None:
        self._serve, self._folder, self._otherwise = serve, folder, otherwise

    def preview(self) -> list[Line]:
        read_city(self._folder)  # what is wrong with the directory itself needs nobody else
        with self._lines(dry_run=True) as lines:
            for told in lines or ():
                if isinstance(told, list):
                    return told
            if lines is not None:
                raise broken_off()
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
                raise broken_off()
        return self._otherwise.apply(told)

    @contextmanager
    def _lines(self, *, dry_run: bool) -> Iterator[Iterator[Applying] | None]:
        """What serve says, word by word; None where it is not the one to ask."""
        files = packed(self._folder)
        if files is None:
            yield None
            return
        with self._serve.lines(APPLY, {"files": files, "dry_run": dry_run}) as lines:
            yield None if lines is None else (told for line in lines if (told := untold(line)) is not None)


def applier(home: Path, settings: KafkaSettings, folder: Path) -> Applier:
    """The serve of this home if it runs and is ready, else this process itself."""
    directly = Directly(settings, folder, home / "secrets")
    serve = own_serve(home, settings)
    return directly if serve is None else ThroughServe(serve, folder, directly)
