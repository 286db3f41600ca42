"""What `check` says of an sql_table source: all of it at once, in the department's words, changing nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from connectors.base import AWAY, Finding
from connectors.database import failed
from connectors.shape import Shape
from connectors.sources.sql_config import SqlTableConfig
from connectors.sources.sql_query import SourceTable, split_name
from connectors.sources.watermark import jumps, watermark_of
from schemas.errors import BusError, RetryError
from schemas.text import Text

__all__ = ["JUMPS", "find_problems"]

JUMPS = Finding(
    "mark-jumps",
    blocks=False,
    problem=Text(
        "watermark 中有一个值远高于其他值：低于它的更新看不到",
        "a value of the watermark lies far above all others: updates below it are not seen",
    ),
    advice=Text(
        "更正该行，然后重启连接器（先设 paused 再取消）：将重新读取全表",
        "correct that row and start the connector again (set `paused`, then unset it): the table is read anew",
    ),
)
_ANY: tuple[type, ...] = (sa.types.TypeEngine,)
_NUMBERS = (sa.Integer, sa.Numeric, sa.String)
#: Avro type -> column types whose values fit as they are, or fail one by one.
_FITTING: dict[str, tuple[type, ...]] = {
    "string": (sa.String, sa.Integer, sa.Date, sa.DateTime, sa.Time, sa.Uuid, sa.Boolean, sa.Numeric),
    "int": _NUMBERS,
    "long": _NUMBERS,
    "float": _NUMBERS,
    "double": _NUMBERS,
    "decimal": _NUMBERS,
    "boolean": (sa.Boolean, sa.Integer, sa.String),
    "bytes": (sa.LargeBinary,),
    "enum": (sa.String,),
    "date": (sa.Date, sa.DateTime, sa.String),
    "timestamp-millis": (sa.DateTime, sa.Date, sa.String),
}


def find_problems(engine: sa.Engine, config: SqlTableConfig, shape: Shape) -> Iterator[Finding]:
    """Every finding on this table for this dataset."""
    yield from _of_the_configuration(config, shape)
    schema, name = split_name(config.table)
    try:
        inspector = sa.inspect(engine)
        if not inspector.has_table(name, schema=schema) and name not in inspector.get_view_names(schema):
            yield _finding(
                "no-table",
                f"数据库中没有表 {config.table}，或无权读取",
                f"no table {config.table}, or no right to it",
                "改正 table，或为连接器的用户授予读取权限",
                "correct `table`, or grant the user the right to read it",
            )
            return
        columns = {column["name"]: column for column in inspector.get_columns(name, schema=schema)}
        yield from _of_the_columns(config, shape, columns)
        yield from _of_the_watermark(config, columns, _indexed(inspector, name, schema))
        if not _is_unique(inspector, config, shape, name, schema):
            yield _finding(
                "key-not-unique",
                "主键列在表中没有唯一约束：相同主键的行会成为同一条记录",
                "the key columns are not declared unique: rows with the same key become one record",
                "在表上建立唯一索引，或改正数据资源的主键",
                "make a unique index, or correct the dataset's key",
                blocks=False,
            )
        yield from _of_the_rows(engine, config, shape, columns)
    except exc.SQLAlchemyError as error:
        yield _from_error(failed(error, Text("无法检查数据库", "the database cannot be looked at")))
    except BusError as error:
        yield _from_error(error)


def _of_the_configuration(config: SqlTableConfig, shape: Shape) -> Iterator[Finding]:
    for field in sorted({*config.columns, *config.without} - set(shape.fields)):
        yield _finding(
            "unknown-field",
            f"数据资源没有字段 {field}",
            f"the dataset has no field {field}",
            f"可用字段：{', '.join(shape.fields)}",
            f"its fields are {', '.join(shape.fields)}",
        )
    for field in config.without:
        if field in shape.required:
            yield _finding(
                "required-field",
                f"字段 {field} 不能为空，不能列入 without",
                f"field {field} admits no null and cannot be in `without`",
                "为它指定列",
                "name a column for it",
            )


def _of_the_columns(config: SqlTableConfig, shape: Shape, columns: Mapping[str, Any]) -> Iterator[Finding]:
    for field, name in config.mapping(shape).items():
        if name not in columns:
            yield _finding(
                "no-column",
                f"表中没有列 {name}（字段 {field}）",
                f"the table has no column {name} (field {field})",
                f"在 columns 中写明字段 {field} 的列名，或列入 without；表中的列：{', '.join(columns)}",
                f"say in `columns` where field {field} is, or list it in `without`; the table has {', '.join(columns)}",
            )
            continue
        kind, column = avro_kind(shape.types[field]), columns[name]["type"]
        if isinstance(column, sa.Float) and kind == "string":
            yield _finding(
                "float-for-text",
                f"列 {name} 是浮点数，字段 {field} 是文本：长号码的末几位已丢失",
                f"column {name} is a float and field {field} is text: the last digits of long numbers are lost",
                "在源表中改为文本列",
                "make it a text column in the source table",
            )
        elif not isinstance(column, _FITTING.get(kind, _ANY)):
            yield _finding(
                "wrong-type",
                f"列 {name} 的类型 {column} 与字段 {field} 的类型 {kind} 不符",
                f"column {name} is {column}, field {field} is {kind}: they do not fit",
                "改正 columns，或用视图转换类型",
                "correct `columns`, or convert the type in a view",
            )


def _of_the_watermark(config: SqlTableConfig, columns: Mapping[str, Any], indexed: set[str]) -> Iterator[Finding]:
    name = config.watermark
    if not name:
        yield _finding(
            "no-watermark",
            "没有设置 watermark：看不到更新，只能看到新增和删除（对账）",
            "no `watermark` is set: updates are not seen, only new and deleted rows (reconciliation)",
            "设置每次修改都会变大的列",
            "name a column that grows with every change",
            blocks=False,
        )
    elif name not in columns:
        yield _finding(
            "no-column",
            f"表中没有列 {name}（watermark）",
            f"the table has no column {name} (watermark)",
            f"表中的列：{', '.join(columns)}",
            f"the table has {', '.join(columns)}",
        )
    elif watermark_of(columns[name]["type"]) is None:
        yield _finding(
            "wrong-watermark",
            f"列 {name} 不能作 watermark：类型是 {columns[name]['type']}",
            f"column {name} cannot be the watermark: it is {columns[name]['type']}",
            "选择时间、日期或整数列",
            "choose a time, date or whole-number column",
        )
    elif name not in indexed:
        yield _finding(
            "no-index",
            f"列 {name} 没有索引：每次轮询都要扫描全表",
            f"column {name} has no index: each poll scans the table",
            f"在 {name} 上建立索引",
            f"make an index on {name}",
            blocks=False,
        )


def _of_the_rows(
    engine: sa.Engine, config: SqlTableConfig, shape: Shape, columns: Mapping[str, Any]
) -> Iterator[Finding]:
    mapping = config.mapping(shape)
    usable = config.watermark if config.watermark in columns and watermark_of(columns[config.watermark]["type"]) else ""
    if not set(mapping.values()) <= set(columns) or not set(shape.key_fields) <= set(mapping):
        return
    table = SourceTable(engine, config.table, mapping, shape.key_fields, usable)
    if keyless := table.without_key():
        yield _finding(
            "no-key",
            f"{keyless} 行没有主键：不会发送",
            f"{keyless} rows have no key: they are not sent",
            "补全主键",
            "complete their keys",
            blocks=False,
        )
    if markless := table.without_mark():
        yield _finding(
            "no-mark",
            f"{markless} 行没有 {usable}：看不到它们的更新",
            f"{markless} rows have no {usable}: their updates are not seen",
            f"填写 {usable}，并设为非空",
            f"fill {usable} and make it NOT NULL",
            blocks=False,
        )
    top, now = (table.top_mark(), table.clock()) if usable else (None, None)
    if top is not None and table.watermark and table.watermark.kind == "number":
        below = table.top_mark(below=top)
        if below is not None and jumps(table.watermark, below, top, config.look_back):
            yield JUMPS
    if top is not None and now is not None and table.watermark and top > now + table.watermark.span(config.clock_ahead):
        yield _finding(
            "mark-ahead",
            f"列 {usable} 中有晚于数据库时钟的值",
            f"column {usable} holds values ahead of the database's clock",
            "更正这些值；若该列用另一时区，请调整 clock_ahead",
            "correct them; if the column keeps another zone, adjust clock_ahead",
            blocks=False,
        )


def _indexed(inspector: Any, name: str, schema: str | None) -> set[str]:
    first = {index["column_names"][0] for index in inspector.get_indexes(name, schema=schema) if index["column_names"]}
    key = inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]
    return {*first, *key[:1]}


def _is_unique(inspector: Any, config: SqlTableConfig, shape: Shape, name: str, schema: str | None) -> bool:
    mapping = config.mapping(shape)
    key = {mapping.get(field, field) for field in shape.key_fields}
    unique = [inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]]
    unique += [one["column_names"] for one in inspector.get_unique_constraints(name, schema=schema)]
    unique += [one["column_names"] for one in inspector.get_indexes(name, schema=schema) if one["unique"]]
    return any(columns and set(columns) <= key for columns in unique)


def avro_kind(schema: Any) -> str:
    """The one word for an Avro field type: its logical type, else its type; of a union the branch that is not null."""
    if isinstance(schema, list):
        return avro_kind(next(branch for branch in schema if branch != "null"))
    if isinstance(schema, Mapping):
        return str(schema.get("logicalType") or avro_kind(schema["type"]))
    return str(schema)


def _finding(code: str, zh: str, en: str, do_zh: str, do_en: str, *, blocks: bool = True) -> Finding:
    return Finding(code, Text(zh, en), Text(do_zh, do_en), blocks)


def _from_error(error: BusError) -> Finding:
    return Finding(AWAY if isinstance(error, RetryError) else "database", error.problem, error.advice)
