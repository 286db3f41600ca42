"""The local PostgreSQL and the registers in it: private, with passwords, gone with its parent, and its data kept."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from schemas.errors import HaltError
from trial.city import postgres
from trial.city.places import villages
from trial.city.postgres import LocalPostgres
from trial.city.registers import Register, read_table, village_rows


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> "LocalPostgres":
    with LocalPostgres(tmp_path_factory.mktemp("postgres")) as running:
        running.make_database("civil")
        yield running


def test_it_listens_on_the_loopback_address_only(server: LocalPostgres) -> None:
    listening = {item.laddr.ip for item in psutil.Process(server.pid).net_connections() if item.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def test_a_wrong_password_is_refused_and_the_right_one_lies_in_a_private_file(server: LocalPostgres) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=server.port, dbname="civil", user="civil", password="guess")
    file = server.home / "secrets" / "civil.password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    engine = sa.create_engine(server.url("civil"))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT current_user")).scalar() == "civil"
    engine.dispose()


def test_a_second_server_in_the_same_directory_is_refused(server: LocalPostgres) -> None:
    with pytest.raises(HaltError):
        LocalPostgres(server.home).start()


def test_rows_go_in_by_copy_and_change_with_their_watermark(server: LocalPostgres) -> None:
    with Register(server, "civil") as register:
        register.load(village_rows(villages()[:100]))
        before = {row["code"]: row for row in read_table(server, "civil", "village")}
        changed, gone = villages()[0].code, villages()[1].code
        register.update([(changed, "name", "另一个名字")])
        register.delete([gone])
    after = {row["code"]: row for row in read_table(server, "civil", "village")}
    assert len(before) == 100
    assert before.keys() - after.keys() == {gone}
    assert after[changed]["name"] == "另一个名字"
    assert after[changed]["updated_at"] > before[changed]["updated_at"]
    assert all(after[code] == before[code] for code in after if code != changed)


def test_data_survive_a_stop(tmp_path: Path) -> None:
    home = tmp_path / "pg"
    for _ in range(2):
        with LocalPostgres(home) as running:
            running.make_database("civil")
            with Register(running, "civil") as register:
                if register.is_empty():
                    register.load(village_rows(villages()[:3]))
            assert len(list(read_table(running, "civil", "village"))) == 3


def instead_of(program: str, script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the next calls this script runs in the place of a program of PostgreSQL; `$REAL` is that one."""
    real = postgres._program
    fake = folder / program
    fake.write_text(f"#!/bin/sh\nREAL='{real(program)}'\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(postgres, "_program", lambda name: str(fake) if name == program else real(name))


def test_a_cluster_that_was_killed_half_made_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "pg"
    with monkeypatch.context() as killed:
        instead_of("initdb", 'echo 18 > "$2/PG_VERSION"\nkill -9 $$', tmp_path, killed)
        with pytest.raises(HaltError):
            LocalPostgres(home).start()
    with LocalPostgres(home) as running:
        running.make_database("civil")


def test_the_superuser_s_password_is_never_in_a_file_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, seen = tmp_path / "pg", tmp_path / "seen"
    instead_of("initdb", f'find "{home}" -type f -printf "%m %p\\n" > "{seen}"\nexec "$REAL" "$@"', tmp_path, monkeypatch)
    with LocalPostgres(home) as running:
        word = running.password("postgres")
    files = dict(line.split(" ", 1)[::-1] for line in seen.read_text().splitlines())
    assert [mode for path, mode in files.items() if Path(path).exists() and word in Path(path).read_text()] == ["600"]
    assert set(files.values()) == {"600"}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_role_whose_database_was_never_made_gets_it(server: LocalPostgres) -> None:
    with server._connect() as connection:
        connection.execute("CREATE ROLE late LOGIN PASSWORD 'x'")
    for _ in range(2):
        server.make_database("late")
    with server._connect() as connection:
        owner = connection.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'late'").fetchone()
    assert owner == ("late",)


def test_it_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = ("import sys, time; from pathlib import Path; from trial.city.postgres import LocalPostgres;"
               "server = LocalPostgres(Path(sys.argv[1])).start(); print(server.pid, flush=True); time.sleep(60)")
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "pg")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    server = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while _alive(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
