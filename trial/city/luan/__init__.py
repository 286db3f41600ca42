"""Lu'an as a city directory: what `shutong apply` reads. The demo's city, and an example for others."""

from pathlib import Path

__all__ = ["DIRECTORY"]

DIRECTORY = Path(__file__).parent
