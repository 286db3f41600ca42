"""encoding: texts whose bytes were read in the wrong encoding, or lost on the way.

Repaired is only what gives its bytes back exactly and reads as text in the right encoding; what is lost stays lost.
"""

import re

from schemas.reasons import Reason
from schemas.rules.mojibake import is_out_of_phase, looks_read_wrongly, original
from schemas.rules.plausible import COMMON
from schemas.rules.rule import Check, Example, grade, rule
from schemas.rules.verdict import KEEP, Grade, Verdict, doubt, fix, reject, suspect
from schemas.text import Text

__all__ = ["encoding"]

#: Bytes that stand for nothing: U+FFFD, as it is and as its own bytes read in GBK or Latin-1; and memory nobody wrote to.
_LOST = re.compile("\ufffd|锟斤拷|ï¿½|烫烫烫|屯屯屯").search
#: Most texts: ASCII, Chinese punctuation and blanks, and common Hanzi. Of garbled ones of five characters two in a hundred are so.
_ORDINARY = re.compile(
    f"[\\x00-\\x7f\u3000·—“”…、。〈-】，：；！？（）０-９{COMMON.translate({ord(one): None for one in '烫屯'})}]*").fullmatch


@rule(
    title=Text("编码损坏", "encoding damage"),
    clause="UTF-8 and GB 18030 as Python's codecs have them; GB 2312's rows and common pairs as in data/README.md",
    reasons={"encoding": Reason(Text("按错误的编码读取过，已还原",
                                     "was read in the wrong encoding; its bytes were read again in the right one"),
                                Text("在源系统或导出工具里改正编码设置", "correct the encoding at the source or in the export tool")),
             "encoding_lost": Reason(Text("字节在编码转换中丢失，无法还原", "bytes were lost in a conversion and cannot be had back"),
                                     Text("从源系统重新导出这条记录", "export this record again from its source")),
             "encoding_doubt": Reason(Text("像是乱码，但不能确定原文", "looks garbled, and what it was cannot be told for sure"),
                                      Text("与源系统核对；记录照常流转", "compare it with the source; the record goes on as it is"))},
    examples=(Example("工作。目前", KEEP), Example("买买提·吐尔逊", KEEP), Example("ぷ鳌Ｄ壳", suspect("encoding_doubt")),
              Example("閲戝畨鍖", suspect("encoding_doubt")),
              Example("ä¸\xadæ–‡", fix("中文", "encoding")), Example("ÖÐÎÄ", fix("中文", "encoding")),
              Example("六安\ufffd", reject("encoding_lost")), Example("锟斤拷锟斤拷", reject("encoding_lost")),
              Example("锟斤拷", Verdict("suspect", "encoding_lost"), "encoding(then=suspect)")),
    options={"then": grade}, pack="text")
def encoding(then: Grade = "reject") -> Check:
    """Text that was read in the encoding it is in. `then` is for what is lost; what only looks garbled is suspect."""
    lost, garbled = doubt(then, "encoding_lost"), suspect("encoding_doubt")

    def check(text: str) -> Verdict:
        if _ORDINARY(text):
            return KEEP
        if _LOST(text):
            return lost
        read = original(text)
        if read is not None:
            # What was damaged twice is read twice; each reading is shorter, so there is a last one.
            while (before := original(read)) is not None:
                read = before
            return lost if _LOST(read) else fix(read, "encoding")
        return garbled if looks_read_wrongly(text) or is_out_of_phase(text) else KEEP

    return check
