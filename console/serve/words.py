"""The fixed words of the page in both languages."""

from schemas.text import Text

__all__ = ["LANGUAGES", "WORDS", "words"]

LANGUAGES = ("zh", "en")

WORDS: dict[str, Text] = {"title": Text("数通 · 数据交换总线", "shutong · data exchange bus")}


def words(language: str) -> dict[str, str]:
    """The words of one language."""
    return {name: text.en if language == "en" else text.zh for name, text in WORDS.items()}
