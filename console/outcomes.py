"""What became of a letter, in words. For the commands that repair, replay and drop."""

from collections.abc import Mapping
from typing import Final

from schemas.text import Text

__all__ = ["SETTLED", "WORDS"]

#: By outcome of a replay or result of a repair.
WORDS: Final[Mapping[str, Text]] = {
    "passes": Text("重放", "replayed"),
    "fails": Text("仍不合格，留在隔离区", "still wrong: stays in quarantine"),
    "waits": Text("等同一条记录较新的事件处理完，再执行一次", "waits for a newer event of its record to be handled: do it again"),
    "held": Text("通道已暂停，留在隔离区：先 shutong lane release，再执行一次",
                 "its lane is held: stays in quarantine until shutong lane release, then do it again"),
    "superseded": Text("已有更新的有效事件，关闭", "superseded by a newer good event: closed"),
    "closed": Text("早已关闭", "was closed before"),
    "subscription": Text("只是一个订阅放不下（too_large）或读不了（undecodable），不能重放：缩小或改正记录，由源头重发，再 drop",
                         "one subscription's lane had no room for it (too_large), or it cannot be read as its dataset is now "
                         "(undecodable), which no replay mends: have the source send it again, smaller or corrected, drop this"),
    "marker": Text("标记不能重放，请由源头重发", "a marker is not replayed: have the source send it again"),
    "unreadable": Text("字节读不懂或模式未登记，不能重放", "its bytes can't be read, or their schema is not registered"),
    "gone": Text("死信里没有原字节，原始通道也已过保留期", "the letter holds no bytes, and they are past retention on raw"),
    "unregistered": Text("该提供方还没有写入流 replay：先执行 shutong apply",
                         "its provider has no stream `replay` yet: run shutong apply first"),
    "repaired": Text("已修复，可以重放", "repaired, ready to be replayed"),
    "untouched": Text("没有可改之处", "nothing of this applies to it"),
    "misfit": Text("字段或取值不对", "a field or value does not fit"),
    "no_room": Text("原字节与修复一起放不下，请由源头重发", "no room for original and repair: have the source send it again"),
    "dropped": Text("已放弃", "dropped"),
}

#: After these nothing is left to be done, or nothing was to be done.
SETTLED: Final = frozenset({"passes", "superseded", "closed", "repaired", "untouched", "dropped"})
