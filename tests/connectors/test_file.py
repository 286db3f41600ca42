"""Files of a department: what is good in them arrives once, what is bad is told by file and line, and nothing stops for it."""

from pathlib import Path
from typing import Any

import pytest

from connectors.canonical import canonical_for
from connectors.shape import Shape
from connectors.sources.file import FileConfig, FileSource
from connectors.sources.file_format import FileFault, LineReader
from schemas.control import ConnectorInstance, Dataset
from tests.connectors.conftest import PEOPLE, Bus, Running, eventually

HEADER = "id,name,note,updated_at\n"
WHEN = "2026-05-01T08:00:00+08:00"
SECRET = "张三丰"


def put(folder: Path, name: str, text: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.with_suffix(".tmp").write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    path.with_suffix(".tmp").rename(path)
    return path


def rows(first: int, count: int, name: str = SECRET) -> str:
    return "".join(f"p{n:05},{name},,{WHEN}\n" for n in range(first, first + count))


def files(folder: Path, **more: Any) -> ConnectorInstance:
    config = {"dataset": "health.person", "folder": str(folder), "poll_seconds": 0.1, "settle_seconds": 0, "page_rows": 20}
    return ConnectorInstance(id="health.people", kind="file", direction="source", department="health", config=config | more)


def fault_of(path: Path, encoding: str = "utf-8") -> tuple[str, str]:
    with pytest.raises(FileFault) as caught:
        LineReader(path, encoding, ",", frozenset({"id", "name", "note", "updated_at"})).inspect()
    finding = caught.value.finding
    assert SECRET not in str(finding.problem)
    assert finding.advice.zh
    assert finding.advice.en
    return finding.code, finding.problem.en


def test_every_fault_of_a_whole_file_names_file_and_line_and_no_value(tmp_path: Path) -> None:
    good = HEADER + rows(0, 30)
    latin = put(tmp_path, "a.csv", good.encode("gb18030"))
    assert fault_of(latin) == ("wrong-encoding", "file a.csv, line 2: is not utf-8")
    even = put(tmp_path, "b.csv", HEADER + rows(0, 9, "令狐冲儿"))
    assert fault_of(even, "gb18030") == ("wrong-encoding", "file b.csv, line 1: is UTF-8, not GB18030")
    assert fault_of(put(tmp_path, "c.csv", good.encode("utf-16")))[0] == "wrong-encoding"
    torn = good.encode() + b"p1," + SECRET.encode()[:-1] + b",,\n"
    assert fault_of(put(tmp_path, "d.csv", torn)) == ("wrong-encoding", "file d.csv, line 32: is not utf-8")
    lacking = put(tmp_path, "e.csv", "id,name,updated_at\n" + f"p1,{SECRET},{WHEN}\n")
    assert fault_of(lacking) == ("no-column", "file e.csv, line 1: its header lacks the columns note")
    assert fault_of(put(tmp_path, "f.csv", rows(0, 2)))[0] == "no-column"  # no header at all: the data are not quoted
    assert fault_of(put(tmp_path, "g.csv", good + f'p9,"{SECRET},,{WHEN}\n' + rows(50, 3)))[0] == "bad-quotes"
    assert fault_of(put(tmp_path, "h.csv", b""))[1] == "file h.csv, line 1: its header lacks the columns id, name, note, updated_at"
    assert fault_of(tmp_path / "gone.csv") == ("unreadable", "file gone.csv: cannot be read (No such file or directory)")


def test_both_encodings_and_both_formats_are_read(tmp_path: Path) -> None:
    wanted = [("p00000", SECRET), ("p00001", SECRET)]
    for encoding, name, text in (
        ("utf-8", "a.csv", "\ufeff" + HEADER + rows(0, 2)),
        ("gb18030", "b.csv", HEADER + rows(0, 2)),
        ("gb18030", "c.jsonl", "".join(f'{{"id": "p0000{n}", "name": "{SECRET}"}}\n' for n in range(2))),
    ):
        path = put(tmp_path, name, text, encoding)
        reader = LineReader(path, encoding, ",", frozenset({"id"}))  # type: ignore[arg-type]
        assert reader.inspect() == 2
        assert [(line.values["id"], line.values["name"]) for line in reader.lines()] == wanted


def test_check_tells_all_at_once(tmp_path: Path) -> None:
    dataset = Dataset(id="health.person", title="人员", provider="health", key=("id",), row_schema=PEOPLE, event_schema=1)
    shape = Shape(dataset, canonical_for(dataset))
    config = FileConfig(dataset="health.person", folder=tmp_path, columns={"nmae": "x"}, without=("id",))
    codes = [(finding.code, finding.blocks) for finding in FileSource(config, shape).check()]
    assert codes == [("unknown-field", True), ("required-field", True)]
    away = FileConfig(dataset="health.person", folder=tmp_path / "away")
    assert [finding.code for finding in FileSource(away, shape).check()] == ["away"]


@pytest.mark.kafka
def test_good_rows_arrive_once_bad_ones_are_told_and_a_mended_file_goes_on(bus: Bus, running: Running, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    instance = files(folder)
    plan = bus.plan(instance)
    board = running.follow(plan, instance)
    eventually(lambda: board.read().state == "retrying")  # the folder is not there yet
    folder.mkdir()
    put(folder, "1.csv", HEADER + rows(0, 45) + f"p99,{SECRET}\n" + f",{SECRET},,{WHEN}\n" + f"p98,{SECRET},,gestern\n" + rows(45, 5))
    put(folder, "2.csv", (HEADER + rows(50, 30)).encode("gb18030"))
    put(folder, "3.csv", HEADER + rows(80, 20))
    eventually(lambda: board.read().rows == 70)
    status = eventually(lambda: len((told := board.read()).remarks) == 2 and told)
    assert status.rejected == 3
    told = " ".join(str(remark.problem.en) for remark in status.remarks)
    assert "file 2.csv, line 2: is not utf-8" in told
    assert "1.csv:47, 1.csv:48, 1.csv:49" in told
    assert "updated_at:not-a-time" in told
    assert SECRET not in told
    running.stop()
    put(folder, "2.csv", HEADER + rows(50, 30))  # mended while we were away
    board = running.follow(plan, instance)
    eventually(lambda: board.read().rows == 30)
    eventually(lambda: board.read().phase == "live")
    assert board.read().rows == 30
    running.stop()
    assert sorted(event.row["id"] for event in bus.raw() if event.row) == [f"p{n:05}" for n in range(100)]


@pytest.mark.kafka
def test_a_run_that_is_cut_in_the_middle_of_a_file_goes_on_behind_the_last_row(bus: Bus, running: Running, tmp_path: Path) -> None:
    put(tmp_path, "1.csv", HEADER + rows(0, 400))
    instance = files(tmp_path, rows_per_second=400)
    plan = bus.plan(instance)
    board = running.follow(plan, instance)
    eventually(lambda: board.read().rows >= 60)
    running.stop()
    assert board.read().rows < 400
    board = running.follow(plan, instance)
    eventually(lambda: len(bus.raw()) >= 400)
    eventually(lambda: board.read().phase == "live")
    running.stop()
    assert [event.row["id"] for event in sorted(bus.raw(), key=lambda e: e.meta.seq) if event.row] == [f"p{n:05}" for n in range(400)]


@pytest.mark.kafka
def test_json_lines_say_create_update_and_delete(bus: Bus, running: Running, tmp_path: Path) -> None:
    good = f'"name": "{SECRET}", "note": null, "updated_at": "{WHEN}"'
    lines = [f'{{"id": "p1", {good}, "op": "c"}}', f'{{"id": "p1", {good}, "op": "u"}}', '{"id": "p1", "op": "d"}',
             f'{{"id": "p2", {good}, "op": "x"}}', "[1]", "{", '{"id": "p3", "op": "c"}', '{"op": "d"}']  # fmt: skip
    put(tmp_path, "1.jsonl", "\n".join(lines) + "\n")
    instance = files(tmp_path, pattern="*.jsonl", op_column="op")
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().rejected == 5)
    running.stop()
    assert [(event.meta.op, event.row is None) for event in bus.raw()] == [("c", False), ("u", False), ("d", True)]
    told = board.read().remarks[-1].problem.en
    for reason in ("op:not-an-operation", "not-an-object", "not-json", "name:missing", "id:required"):
        assert reason in told or reason == "id:required"
