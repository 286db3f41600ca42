"""What an instance file may say of an sql_table source."""

from collections.abc import Mapping

from pydantic import Field

from connectors.base import SourceConfig
from connectors.database import DatabaseAddress
from connectors.shape import Shape

__all__ = ["SqlTableConfig"]


class SqlTableConfig(SourceConfig, DatabaseAddress):
    """`columns` maps fields to columns of another name. Without a `watermark` only snapshot and reconciliation see changes."""

    table: str
    columns: dict[str, str] = Field(default_factory=dict)
    #: Fields the table has no column for; they must admit null.
    without: tuple[str, ...] = ()
    watermark: str = ""
    #: Seconds a row may be committed later than its watermark says; for a whole-number watermark, its unit.
    look_back: float = Field(default=300, gt=0)
    #: Seconds the watermark's clock may be ahead of the database's; marks beyond do not move the position.
    clock_ahead: float = Field(default=300, ge=0)
    poll_seconds: float = Field(default=1, gt=0)
    #: How often the whole look-back is read again; between, a sixtieth of it.
    sweep_seconds: float = Field(default=30, gt=0)
    #: How often the keys are compared with the clean lane; 0 never, then deletes are not seen.
    reconcile_seconds: float = Field(default=3600, ge=0)
    allow_many_deletes: bool = False
    page_rows: int = Field(default=5000, ge=1, le=20000)
    #: 0 is no limit.
    rows_per_second: int = Field(default=100_000, ge=0)

    def mapping(self, shape: Shape) -> Mapping[str, str]:
        """Field -> column, in the order of the dataset's fields."""
        return {name: self.columns.get(name, name) for name in shape.fields if name not in self.without}
