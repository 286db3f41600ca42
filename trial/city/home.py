"""The departments' side of a running trial city: their PostgreSQL, and what `connect` needs to find it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from schemas.text import Text
from trial.city.dirt import DirtyPopulation
from trial.city.places import villages
from trial.city.postgres import LocalPostgres
from trial.city.registers import Register, village_rows

__all__ = ["DATABASES", "RESIDENTS", "SEED", "connect_environment", "mend_departments", "start_departments", "trial_departments"]

Told = Callable[[str, Text], None]

#: Database of each department, and the environment variable in which its connectors look for the password.
DATABASES = {"civil": "CIVIL_PASSWORD", "health": "HEALTH_PASSWORD", "police": "POLICE_PASSWORD"}

#: Who lives in the city that `up` fills: so many people, drawn from this seed.
RESIDENTS, SEED = 10_000, 3415


@contextmanager
def trial_departments(home: Path, *, wanted: bool = True) -> Iterator[LocalPostgres | None]:
    """The departments of the trial city under `home`, their tables filled; None when they are not wanted."""
    if not wanted:
        yield None
        return
    with LocalPostgres(home / "postgres") as server:
        start_departments(server)
        _fill(server)
        yield server


def start_departments(server: LocalPostgres) -> None:
    """Start the server and make each department's database."""
    server.start()
    for name in DATABASES:
        server.make_database(name)


def mend_departments(server: LocalPostgres, told: Told) -> None:
    """Start the server again if it ended: connectors find it where it was and go on."""
    if not server.running:
        told("postgresql", Text("意外结束；用原有数据重新启动", "ended unexpectedly; it starts again with its data"))
        server.start()


def connect_environment(server: LocalPostgres) -> dict[str, str]:
    """Where the databases are and how they let the connectors in."""
    return {**server.environment(), **{variable: server.password(name) for name, variable in DATABASES.items()}}


def _fill(server: LocalPostgres) -> None:
    """First rows for empty tables."""
    people = DirtyPopulation(SEED)
    with Register(server, "civil") as civil, Register(server, "health") as health:
        if civil.is_empty():
            civil.load(village_rows(villages()))
        if health.is_empty():
            health.load(row for row, _ in islice(iter(people.draw, None), RESIDENTS))
