"""How clean wants a key field written: the dataset's own rules, asked before an event is sent (I-10)."""

from connectors.shape import Canonical
from schemas.control import Dataset
from schemas.rules import canonical

__all__ = ["canonical_for"]


def canonical_for(dataset: Dataset) -> Canonical:
    """The canonical text of a key field; a value no rule can mend stays as it is, and clean says why it is refused."""
    return canonical(dataset)
