"""Why the bus itself turns an event away, before or beyond the rules of its dataset: each reason code in words.

The reasons of rules stand with the rules. A test holds that every code the streams give has its words here.
"""

from typing import Literal, NamedTuple

from schemas.text import Text

__all__ = ["BUS_REASONS", "DIMENSIONS", "Dimension", "Reason"]

#: What a finding says of a dataset's quality: a value is missing, is none of its kind, contradicts another, or comes late.
Dimension = Literal["completeness", "validity", "consistency", "timeliness"]
DIMENSIONS: tuple[Dimension, ...] = ("completeness", "validity", "consistency", "timeliness")


class Reason(NamedTuple):
    """What is wrong, what the provider can do, and under which dimension of quality it is counted."""

    problem: Text
    advice: Text
    dimension: Dimension = "validity"


BUS_REASONS: dict[str, Reason] = {
    "undecodable": Reason(
        Text("字节无法按其模式解码", "the bytes cannot be decoded by their schema"),
        Text("按登记的模式重新编码后再发布", "encode with the registered schema and publish again")),
    "unknown_schema": Reason(
        Text("方案里没有这个模式号", "the plan has no such schema id"),
        Text("用 shutong apply 登记该数据资源，或改用已登记的模式号", "register the dataset with shutong apply, or use a registered id")),
    "foreign_schema": Reason(
        Text("模式属于另一个提供方", "the schema belongs to another provider"),
        Text("只在自己的原始通道上发布自己的数据资源", "publish your own datasets on your own raw lane only")),
    "foreign_stream": Reason(
        Text("写入流没有登记在这个提供方名下，或不由它写入", "the stream is not registered to this provider, or not its to write"),
        Text("把写入流加入部门的 streams 并执行 shutong apply", "add the stream to the department's streams and run shutong apply")),
    "key_mismatch": Reason(
        Text("Kafka 键与由记录算出的键不同", "the Kafka key is not the key computed from the row"),
        Text("键写作 <数据资源>/<主键>，主键取自记录本身", "write the key as <dataset>/<record key>, taken from the row itself")),
    "key_not_canonical": Reason(
        Text("主键字段不是规范写法，不能代为改正", "a key field is not in canonical form, and is not changed for you"),
        Text("在发布前改成建议值", "send the proposed value")),
    "row_missing": Reason(
        Text("新增、修改或读取事件没有记录", "a create, update or read event has no row"),
        Text("补上 row，或改用 op = d", "fill in `row`, or send op = d")),
    "row_unexpected": Reason(
        Text("删除或标记事件带了记录", "a delete or a marker carries a row"),
        Text("删除时把原记录放在 before", "put the old record of a delete into `before`")),
    "log_op": Reason(
        Text("事件类数据资源只增不改，不能修改或删除", "a log only grows: its events are neither updated nor deleted"),
        Text("作为一条新事件发送，用自己的主键", "send a new event with a key of its own")),
    "position_jump": Reason(
        Text("写入流的位置一次跳得过远", "the position of the stream jumps too far"),
        Text("检查 seq；重新编号时把 epoch 加一", "check seq; raise epoch when the numbering starts anew")),
    "late": Reason(
        Text("到得比更新周期允许的晚", "it came later than its update cycle allows"),
        Text("检查源系统导出和连接器的频率，或改正数据资源的 cycle",
             "see how often the source exports and the connector runs, or correct the dataset's cycle"), "timeliness"),
    "at_in_future": Reason(
        Text("发生时间在到达之后", "it happened after it arrived, by its own word"),
        Text("校准源系统的时钟，检查时区", "set the clock of the source system, and check its time zone")),
    "replay_raced": Reason(
        Text("重放途中，同一条记录又有了新事件", "a newer event of its record came in while it was replayed"),
        Text("再次执行 shutong quarantine replay：新事件有效时它会按“已被取代”关闭",
             "replay it again: if the newer event is good, it is closed as superseded"), "timeliness"),
    "too_large": Reason(
        Text("超过通道的大小上限", "larger than its lane allows"),
        Text("缩小记录，大附件改存链接", "make the record smaller; store large attachments elsewhere")),
}
