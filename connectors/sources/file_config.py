"""What an instance file may say of a file source."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from connectors.base import SourceConfig
from connectors.shape import Shape

__all__ = ["FileConfig"]


class FileConfig(SourceConfig):
    """`pattern` names the files of `folder`: `.jsonl` and `.ndjson` hold one JSON object a line, the others are CSV with a header."""

    folder: Path
    pattern: str = "*.csv"
    encoding: Literal["utf-8", "gb18030"] = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    columns: dict[str, str] = Field(default_factory=dict)
    #: Fields the files have no column for; they must admit null.
    without: tuple[str, ...] = ()
    #: A column that says c, u or d of each row; without one each row is an update.
    op_column: str = ""
    poll_seconds: float = Field(default=5, gt=0)
    #: A file is read when it has not changed for so long: by then whoever writes it is done.
    settle_seconds: float = Field(default=2, ge=0)
    #: One whose last line has no line end may be half a copy: it is read when it has not changed for so long.
    half_seconds: float = Field(default=60, ge=0)
    page_rows: int = Field(default=2000, ge=1, le=20000)
    #: 0 is no limit.
    rows_per_second: int = Field(default=100_000, ge=0)

    def mapping(self, shape: Shape) -> Mapping[str, str]:
        """Field -> column, in the order of the dataset's fields."""
        return {name: self.columns.get(name, name) for name in shape.fields if name not in self.without}
