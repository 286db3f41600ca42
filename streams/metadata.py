"""Memory as offset metadata: plan version and marks as varints in base64, at most 4,000 characters (I-9).

Kafka aborts a transaction whose metadata is longer than 4,096 bytes. `schemas.lanes.MOST_STREAMS` marks fit whatever
they are, `apply` refuses more streams, retired ones included, and `pack` halts before the commit.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from schemas.errors import HaltError
from schemas.text import Text
from streams.chunk import Mark

__all__ = ["LARGEST", "pack", "unpack"]

#: Characters of metadata a partition may commit.
LARGEST: Final = 4000

#: Without and with the plan version under which the partition was held.
_FREE: Final = 1
_HELD: Final = 2
_BYTES: Final = LARGEST // 4 * 3


def pack(lane: str, plan_version: int, marks: Mapping[int, Mark], held: int = 0) -> str:
    """The metadata of one partition; a HaltError naming the lane when it is too long."""
    data = bytearray([_HELD if held else _FREE])
    if held:
        _write(data, held)
    _write(data, plan_version)
    last = 0
    for number in sorted(marks):
        epoch, seq = marks[number]
        _write(data, number - last)
        _write(data, _zigzag(epoch))
        _write(data, _zigzag(seq))
        last = number
    if len(data) > _BYTES:
        raise HaltError(
            Text(f"通道 {lane} 的 {len(marks)} 个写入流超出偏移元数据",
                 f"{len(marks)} streams of {lane} exceed the metadata"),
            advice=Text("把部门的写入流分到多个提供方", "spread the department's streams over several providers"))
    return base64.b64encode(data).decode()


def unpack(lane: str, text: str) -> tuple[int, dict[int, Mark], int]:
    """Plan version, marks, held; empty metadata is a fresh partition, metadata of another kind a HaltError."""
    if not text:
        return 0, {}, 0
    try:
        data = base64.b64decode(text, validate=True)
        if data[0] not in (_FREE, _HELD):
            raise ValueError
        held, at = _read(data, 1) if data[0] == _HELD else (0, 1)
        return *_read_all(data, at), held
    except (ValueError, IndexError, binascii.Error) as error:
        raise HaltError(
            Text(f"看不懂 {lane} 的偏移元数据", f"the offset metadata of {lane} cannot be read"),
            advice=Text("用写下它的版本或更新的版本启动", "start the version that wrote it, or a newer one")) from error


def _read_all(data: bytes, at: int) -> tuple[int, dict[int, Mark]]:
    plan_version, at = _read(data, at)
    marks: dict[int, Mark] = {}
    number = 0
    while at < len(data):
        step, at = _read(data, at)
        epoch, at = _read(data, at)
        seq, at = _read(data, at)
        number += step
        marks[number] = (_unzigzag(epoch), _unzigzag(seq))
    return plan_version, marks


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return value >> 1 if not value & 1 else -((value + 1) >> 1)


def _write(data: bytearray, value: int) -> None:
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)


def _read(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
