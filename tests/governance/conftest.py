"""A small city directory to declare, break and change."""

from pathlib import Path

import pytest

from tests.governance import visits

FILES = {
    "city.toml": '[node]\nid = "luan"\ncode = "341500"\ntitle = "六安市"\n[[upper]]\nid = "anhui"\ncode = "340000"\ntitle = "安徽省"\n',
    "departments/health.toml": 'title = "卫健委"\nroles = ["provider"]\nstreams = ["health.population", "health.clinic"]\npartitions = 2\n',
    "departments/tax.toml": 'title = "税务局"\nroles = ["subscriber"]\n',
    "departments/province.toml": 'title = "省平台"\nroles = ["subscriber"]\n',
    "datasets/health.resident.toml": 'standard = "resident"\ncatalogue_code = "341500-WJ-0001"\n',
    "subscriptions/tax.health.resident.toml":
        'fields = ["resident_id", "name", "division"]\npurpose = "核验"\n'
        'scope = [{ field = "division", op = "in", values = ["341502"] }]\n',
    "subscriptions/province.health.resident.toml": 'fields = ["resident_id", "status"]\npurpose = "上报"\nnode = "anhui"\n',
}


@pytest.fixture
def city_folder(tmp_path: Path) -> Path:
    """A directory that declares one provider, two subscribers, one dataset."""
    folder = tmp_path / "city"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(city_folder: Path) -> Path:
    """The same with a dataset of its own schema, and two subscriptions to it."""
    for name, text in visits.FILES.items():
        (city_folder / name).write_text(text, encoding="utf-8")
    visits.write(city_folder, visits.FIELDS)
    return city_folder
