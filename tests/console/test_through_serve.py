"""`shutong apply` with a serve of its home and without one: the same words, the same codes, the same plan. Real Kafka."""

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from console.commands import through_serve
from console.commands.through_serve import Directly, ThroughServe, applier
from console.own_serve import note_begun
from console.serve import applying
from console.serve.presence import Presence, announced, present
from governance.apply import password_file
from tests.console.conftest import Ran
from tests.console.serve.bus import FILES, ServeProcess, SmallBus, declare
from tests.console.serve.conftest import eventually
from trial.kafka import LocalKafka
from wire.control import ControlWriter
from wire.secret import write_secret
from wire.settings import KafkaSettings

Shutong = Callable[..., Ran]
NEW = {"departments__edu": 'title = "教育局"\nroles = ["provider"]\n', "datasets__edu_village": 'standard = "village"\n'}


@contextmanager
def served(bus: SmallBus) -> Iterator[None]:
    """A serve of this home that has left word, in this process."""
    with announced(bus.home, Presence(bus.serve.serve_address, bus.serve.bootstrap, bus.serve.prefix)), bus.served():
        yield


@pytest.fixture
def as_administrator(shutong: Shutong, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """`shutong` as the administrator of a bus would run it on another terminal."""
    def run(bus: SmallBus, *arguments: str) -> Ran:
        file = password_file(bus.home, "admin")
        assert bus.admin.kafka_password is not None
        write_secret(file, bus.admin.kafka_password)
        for name, value in (("BOOTSTRAP", bus.admin.bootstrap), ("PREFIX", bus.admin.prefix), ("KAFKA_USER", bus.admin.kafka_user),
                            ("KAFKA_PASSWORD_FILE", str(file))):
            monkeypatch.setenv(f"SHUTONG_{name}", value)
        return shutong("--lang", "en", "apply", str(bus.city), "--home", str(bus.home), *arguments)
    return run


@pytest.mark.kafka
def test_an_apply_says_and_does_the_same_either_way(kafka: LocalKafka, tmp_path: Path, as_administrator: Callable[..., Ran],
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    alone, behind = SmallBus(kafka, tmp_path / "alone"), SmallBus(kafka, tmp_path / "behind")

    def both(*arguments: str) -> Ran:
        direct = as_administrator(alone, *arguments)
        with monkeypatch.context() as patched:
            patched.setattr(through_serve, "apply", _nobody)
            patched.setattr(through_serve, "preview", _nobody)
            through = as_administrator(behind, *arguments)
        assert (through.code, through.out, through.err) == (direct.code, direct.out, direct.err)
        return through

    for bus in (alone, behind):
        assert as_administrator(bus, "--yes").code == 0
    with served(behind):
        assert both("--dry-run").err == "nothing to change\n"
        assert both("--yes").code == 0
        for bus in (alone, behind):
            declare(bus.city, **NEW)
        assert "+ datasets edu.village" in both("--dry-run").out
        assert alone.plan().version == behind.plan().version == 1
        done = both("--yes")
        assert "raw.edu: made the lane, 1 partitions" in done.err
        assert "provider.edu: set the user's password" in done.err
        assert "plan version 2 is written" in done.err
        assert alone.plan() == behind.plan()
        assert behind.client("provider.edu").get_latest_version("edu.VillageEvent")
        for bus in (alone, behind):
            (bus.city / "datasets/health.resident.toml").write_text('standard = "village"\n')
            (bus.city / "departments/old-town.toml").unlink()
        refused = both("--yes")
        assert (refused.code, "changes are refused" in refused.err) == (1, True)
        assert refused.err == both("--dry-run").err
        for bus in (alone, behind):
            declare(bus.city)
            (bus.city / "city.toml").write_text("node = 3\nodd = 1\n")
            (bus.city / "datasets/x.toml").write_text("")
        broken = both("--yes")
        assert broken.code == 1
        assert "unknown key odd" in broken.err
        assert alone.plan() == behind.plan()


def _nobody(*_: object) -> NoReturn:
    raise AssertionError("it was carried out beside serve")


@pytest.mark.kafka
def test_an_apply_through_serve_leaves_its_writer_to_the_registry(
        kafka: LocalKafka, tmp_path: Path, as_administrator: Callable[..., Ran], caplog: pytest.LogCaptureFixture) -> None:
    """Registrations while applies run: each gets its id, the plan has both, and no writer takes the other's place."""
    caplog.set_level("INFO", "shutong.control")
    bus = SmallBus(kafka, tmp_path)
    bus.apply()
    numbers: list[int] = []
    over = threading.Event()

    def register() -> None:
        while not over.is_set():
            with bus.http() as http:
                answer = http.post(f"/registry/subjects/bureau.S{len(numbers)}/versions",
                                   json={"schema": json.dumps({"type": "fixed", "name": "F", "size": len(numbers) + 1})})
            assert answer.status_code == 200, answer.text
            numbers.append(answer.json()["id"])

    with served(bus):
        thread = threading.Thread(target=register)
        thread.start()
        try:
            for at in range(4):
                declare(bus.city, subscriptions__tax_health_resident=f'fields = ["resident_id", "name"]\npurpose = "p{at}"\n')
                assert as_administrator(bus, "--yes").code == 0
            seen = len(numbers)
            eventually(lambda: len(numbers) > seen + 2)
        finally:
            over.set()
            thread.join(60)
    assert not [record.getMessage() for record in caplog.records if "bus.control" in record.getMessage()]
    plan = bus.plan()
    assert plan.subscriptions["tax.health.resident"].purpose == "p3"
    assert len(set(numbers)) == len(numbers) > 5
    assert set(numbers) <= set(plan.schemas)


@pytest.mark.kafka
def test_a_lane_is_held_and_released_the_same_either_way_and_fences_nobody(
        kafka: LocalKafka, tmp_path: Path, shutong: Shutong, as_administrator: Callable[..., Ran],
        caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kept writer writes; that lanes have begun is noted by it too."""
    caplog.set_level("INFO", "shutong.control")
    alone, behind = SmallBus(kafka, tmp_path / "alone"), SmallBus(kafka, tmp_path / "behind")

    def both(*words: str) -> Ran:
        answers = []
        for bus in (alone, behind):
            as_administrator(bus, "--dry-run")
            answers.append(shutong("--lang", "en", "lane", *words, "--home", str(bus.home)))
        assert len({(each.code, each.out, each.err) for each in answers}) == 1
        assert alone.plan().lanes == behind.plan().lanes
        return answers[1]

    for bus in (alone, behind):
        bus.apply()
    with served(behind), behind.http() as http:
        assert http.put("/registry/config/bureau.s", json={"compatibility": "NONE"}).status_code == 200  # a writer is kept from here on
        alone.apply()
        with ControlWriter(alone.admin) as writer:
            writer.write()
        assert both("hold", "raw.health", "raw.tax").err == (
            "raw.health, raw.tax: held (plan version 3; workers obey within two seconds)\n")
        assert both("release", "raw.health").code == 0
        refused = both("hold", "clean.health")
        assert (refused.code, "there is no raw lane clean.health" in refused.err) == (1, True)
        assert note_begun(behind.home, behind.admin, ["raw.health"])
        assert not behind.plan().lanes["raw.health"].new
        assert http.put("/registry/config/bureau.s", json={"compatibility": "FULL"}).status_code == 200
        for wrong in ({"say": "held", "lanes": ["raw.health"]}, {"say": "hold", "lanes": "raw.health"}, {"say": ["hold"], "lanes": []}):
            assert json.loads(http.post("/api/lanes", json=wrong).text)["error"]["code"] == "bad_request"
    with served(behind), behind.http("provider.health") as http:
        assert http.post("/api/lanes", json={"say": "release", "lanes": ["raw.tax"]}).status_code == 403
    assert not note_begun(alone.home, alone.admin, ["raw.health"])
    assert not [record.getMessage() for record in caplog.records if "bus.control" in record.getMessage()]


@pytest.mark.kafka
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_serve_that_ends_in_the_middle_is_said_and_the_next_apply_does_the_rest(
        kafka: LocalKafka, tmp_path: Path, as_administrator: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    bus = SmallBus(kafka, tmp_path)
    bus.apply()
    declare(bus.city, **NEW)

    def ends(*_: object, **__: object) -> NoReturn:
        raise SystemExit

    with served(bus):
        with monkeypatch.context() as patched:
            patched.setattr(applying, "apply", ends)
            broken = as_administrator(bus, "--yes")
        assert broken.code == 1
        assert "serve broke off before it told how it ended" in broken.err
        assert as_administrator(bus, "--yes").code == 0
    assert "edu.village" in bus.plan().datasets


@pytest.mark.kafka
def test_only_the_control_role_applies_and_only_as_json(kafka: LocalKafka, tmp_path: Path) -> None:
    bus = SmallBus(kafka, tmp_path)
    bus.apply()
    with bus.served():
        files = {**FILES, "departments/edu.toml": NEW["departments__edu"]}
        for role in ("serve", "worker", "provider.health", "subscriber.tax"):
            with bus.http(role) as http:
                assert http.post("/api/apply", json={"files": files}).status_code == 403
        with bus.http() as http:
            assert http.post("/api/apply", content=json.dumps({"files": files}), headers={"Content-Type": "text/plain"}).status_code == 415
            assert http.get("/api/apply").status_code == 405
            other = http.post("/api/apply", json={"files": files, "bus": {"bootstrap": "elsewhere:9092", "prefix": ""}})
            assert other.status_code == 409
            for wrong in ({"files": {"../x.toml": ""}}, {}, {"files": {"city.toml": "node = 1"}}):
                line = json.loads(http.post("/api/apply", json=wrong).text.splitlines()[-1])
                assert line["error"]["problem"]["zh"]
            escaping = {**files, "datasets/health.own.toml": 'schema = "/etc/hostname"\nkey = ["a"]\ntitle = "a"\n'}
            line = json.loads(http.post("/api/apply", json={"files": escaping}).text.splitlines()[-1])
            assert [where for where, _ in line["error"]["problems"]] == ["datasets/health.own.toml"]
            assert "city directory" in line["error"]["problems"][0][1]["en"]
        assert bus.plan().version == 1


@pytest.mark.kafka
def test_a_serve_of_another_bus_or_with_another_password_is_passed_by(kafka: LocalKafka, tmp_path: Path,
                                                                      as_administrator: Callable[..., Ran],
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    bus, other = SmallBus(kafka, tmp_path / "bus"), SmallBus(kafka, tmp_path / "other")
    for each in (bus, other):
        each.apply()
        declare(each.city, **NEW)
    with other.served():
        monkeypatch.setenv("SHUTONG_SERVE_ADDRESS", other.serve.serve_address)
        assert as_administrator(bus, "--yes").code == 0
        assert (bus.plan().version, other.plan().version) == (2, 1)
        write_secret(password_file(bus.secrets, "control"), other.admin.kafka_password or "")  # type: ignore[arg-type]
        assert as_administrator(other, "--yes").code == 0
        assert other.plan().version == 2


@pytest.mark.kafka
def test_a_serve_leaves_word_while_it_lives_also_when_it_is_killed(kafka: LocalKafka, tmp_path: Path) -> None:
    bus = SmallBus(kafka, tmp_path)
    bus.apply()
    with ServeProcess(bus) as serve:
        assert present(bus.home) == Presence(bus.serve.serve_address, bus.serve.bootstrap, bus.serve.prefix)
        assert isinstance(applier(bus.home, bus.admin, bus.city), ThroughServe)
        serve.kill()
        assert present(bus.home) is None
        assert isinstance(applier(bus.home, bus.admin, bus.city), Directly)
        serve.start()
        assert isinstance(applier(bus.home, bus.admin, bus.city), ThroughServe)
    assert present(bus.home) is None


def test_word_is_left_once_a_home_and_a_home_that_cannot_be_written_does_without(tmp_path: Path) -> None:
    one, two = Presence("a:1", "k", ""), Presence("b:2", "k", "")
    with announced(tmp_path, one):
        assert present(tmp_path) == one
        with announced(tmp_path, two):
            assert present(tmp_path) == one
    assert present(tmp_path) is None
    (tmp_path / "file").write_text("")
    with announced(tmp_path / "file", one):
        assert present(tmp_path / "file") is None


def test_a_look_at_the_word_does_not_keep_a_serve_from_leaving_it(tmp_path: Path) -> None:
    presence = Presence("a:1", "k", "")
    with announced(tmp_path, presence):
        pass
    with ExitStack() as stack:
        look = os.open(tmp_path / "serve.lock", os.O_RDONLY)
        fcntl.flock(look, fcntl.LOCK_SH)
        threading.Timer(0.2, os.close, (look,)).start()
        stack.enter_context(announced(tmp_path, presence))
        assert present(tmp_path) == presence


def test_an_address_nobody_answers_at_is_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("127.0.0.1:1", "0.0.0.0:1", "no such host:x", "nonsense", ""):
        monkeypatch.setenv("SHUTONG_SERVE_ADDRESS", address)
        assert isinstance(applier(tmp_path, KafkaSettings(), tmp_path), Directly)
