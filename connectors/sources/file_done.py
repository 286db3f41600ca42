"""Which files are done, by name and stamp, as parts of a cursor: a transaction rewrites the few parts that changed."""

import json
import zlib
from collections.abc import Iterable, Mapping

__all__ = ["DoneFiles", "Stamp"]

#: Size and time of change: a file of the same name with another stamp is another file.
Stamp = tuple[int, int]

_PART = "files"
#: So many names a part holds: far below what a record may hold, also when they are long.
_NAMES = 2000


class DoneFiles:
    """Names and stamps. A name stays in its part; a new one goes to the first part with room."""

    def __init__(self, parts: Mapping[str, bytes]) -> None:
        self._parts = {part: data for part, data in parts.items() if part.startswith(_PART)}
        self._names: dict[str, dict[str, Stamp]] = {}
        self._part_of: dict[str, str] = {}
        for part, data in self._parts.items():
            told = json.loads(zlib.decompress(data))
            self._names[part] = {name: (size, when) for name, (size, when) in told.items()}
            self._part_of.update(dict.fromkeys(told, part))

    def stamp(self, name: str) -> Stamp | None:
        """The stamp under which this file was done; None if it never was."""
        part = self._part_of.get(name)
        return self._names[part][name] if part is not None else None

    def names(self) -> set[str]:
        return set(self._part_of)

    def note(self, files: Mapping[str, Stamp]) -> None:
        """These are done."""
        changed = set()
        for name, stamp in files.items():
            part = self._part_of[name] = self._part_of.get(name) or self._with_room()
            self._names[part][name] = stamp
            changed.add(part)
        self._pack(changed)

    def forget(self, names: Iterable[str]) -> None:
        """These are no longer in the folder."""
        changed = set()
        for name in names:
            part = self._part_of.pop(name)
            del self._names[part][name]
            changed.add(part)
        self._pack(changed)

    def parts(self) -> dict[str, bytes]:
        """For the cursor. Equal parts are the same objects as before."""
        return dict(self._parts)

    def _with_room(self) -> str:
        for part, names in self._names.items():
            if len(names) < _NAMES:
                return part
        part = f"{_PART}{len(self._names)}"
        self._names[part] = {}
        return part

    def _pack(self, parts: Iterable[str]) -> None:
        for part in parts:
            self._parts[part] = zlib.compress(json.dumps(self._names[part], ensure_ascii=False).encode())
