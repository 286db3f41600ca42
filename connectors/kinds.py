"""Every kind of connector there is: the word in an instance file, and its class. A kind is added by one line here."""

from typing import Any

from connectors.base import Sink, Source
from connectors.sinks.sql_table import SqlTableSink
from connectors.sources.file import FileSource
from connectors.sources.sql_table import SqlTableSource

__all__ = ["SINKS", "SOURCES"]

SOURCES: dict[str, type[Source[Any]]] = {kind.kind: kind for kind in (SqlTableSource, FileSource)}
SINKS: dict[str, type[Sink[Any]]] = {kind.kind: kind for kind in (SqlTableSink,)}
