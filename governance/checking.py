"""Everything that is wrong with a city directory, at once: files, shapes, rules, and what is in force if it is known.

Changes nothing. What `apply` would refuse is found here, and more than `apply` says at a time, as nothing need be usable.
"""

from collections.abc import Iterator
from pathlib import Path

from governance.apply import Standing
from governance.city import survey_city
from governance.compile import compile_change
from governance.declared import City
from governance.problems import Problem, RefusedError

__all__ = ["check_city"]


def check_city(folder: Path, now: Standing | None = None) -> list[Problem]:
    """Every problem of the directory; `now` is what is in force, None where nobody can say."""
    city, problems = survey_city(folder)
    standing = now or Standing()
    try:
        compile_change(standing.plan, standing.connectors, _whole(city), lanes_with_data=standing.used)
    except RefusedError as error:
        unread = set(_unread(city, folder))
        problems += [Problem(where, refusal.text) for refusal in error.refusals if (where := _file(refusal.name)) not in unread]
    return list(dict.fromkeys(problems))


def _file(name: str) -> str:
    """The file an object of the plan is declared in."""
    return "city.toml" if name.startswith("city.toml") else f"{name}.toml"


def _whole(city: City) -> City:
    """The city without what leans on a file that could not be read."""
    subscriptions = {name: file for name, file in city.subscriptions.items() if name.split(".", 1)[1] in city.datasets}
    return city.model_copy(update={"subscriptions": subscriptions})


def _unread(city: City, folder: Path) -> Iterator[str]:
    """Files that are there, and of which nothing came: what they declared was not taken out."""
    if not city.nodes:
        yield "city.toml"
    for kind, known in (("departments", city.departments), ("datasets", city.datasets), ("subscriptions", city.subscriptions)):
        for path in (folder / kind).glob("*.toml"):
            if path.stem not in known:
                yield f"{kind}/{path.name}"
