"""How texts are damaged on their way: the wrong readings that Chinese systems make, each by its name."""

from collections.abc import Callable

__all__ = ["DAMAGE", "damaged"]

#: Windows-1252 as browsers and databases have it: the five bytes it leaves open stand for themselves.
_WESTERN = [bytes((byte,)).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte) for byte in range(256)]


def _western(data: bytes) -> str:
    return "".join(_WESTERN[byte] for byte in data)


def _ends_kept(data: bytes) -> str:
    return chr(data[0]) + data[1:-1].decode("gb18030") + chr(data[-1])


DAMAGE: dict[str, Callable[[str], str]] = {
    "none": lambda text: text,
    "UTF-8 read as GB 18030": lambda text: text.encode().decode("gb18030"),
    "UTF-8 read as GBK, what fits nowhere replaced": lambda text: text.encode().decode("gbk", "replace"),
    "UTF-8 read as GBK, what fits nowhere dropped": lambda text: text.encode().decode("gbk", "ignore"),
    "UTF-8 read as Latin-1": lambda text: text.encode().decode("latin-1"),
    "UTF-8 read as Windows-1252": lambda text: _western(text.encode()),
    "UTF-8 read as Windows-1252, twice": lambda text: _western(_western(text.encode()).encode()),
    "UTF-8 read as GB 18030, twice": lambda text: text.encode().decode("gb18030").encode().decode("gb18030"),
    "GBK read as Latin-1": lambda text: text.encode("gbk").decode("latin-1"),
    "GBK read as Windows-1252": lambda text: _western(text.encode("gbk")),
    "GBK read as UTF-8": lambda text: text.encode("gbk").decode("utf-8", "replace"),
    "GBK read as UTF-8, then as GBK": lambda text: text.encode("gbk").decode("utf-8", "replace").encode().decode("gbk", "replace"),
    "GBK from its second byte on": lambda text: text.encode("gbk")[1:-1].decode("gb18030"),
    "GBK from its second byte on, the ends kept": lambda text: _ends_kept(text.encode("gbk")),
    "GBK without its seventh byte": lambda text: (text.encode("gbk")[:6] + text.encode("gbk")[7:]).decode("gb18030", "ignore"),
    "UTF-8 cut inside a character": lambda text: text.encode()[:-1].decode("utf-8", "replace"),
    "memory of a debugger, read as GBK": lambda text: (b"\xcc" * 2 * len(text)).decode("gbk"),
    "the middle dot's UTF-8 read as Latin-1": lambda text: text.replace("·", "Â·"),
}


def damaged(text: str, how: str) -> str | None:
    """The text so damaged; None where this damage leaves it as it is or cannot befall it."""
    try:
        given = DAMAGE[how](text)
    except (UnicodeError, IndexError):
        return None
    return None if given == text and how != "none" else given
