"""The declaration of a second trial city: its service hall. Enterprises, permits and their events, real estate, residents."""

from pathlib import Path

__all__ = ["DIRECTORY"]

DIRECTORY = Path(__file__).parent
