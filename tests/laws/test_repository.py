"""What may never stand in the repository: index addresses, machine paths, secrets; and what must."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
TEXTS = [name for name in TRACKED if name and (ROOT / name).is_file() and not name.endswith((".xz", ".png"))]

#: Hosts of package indexes, written apart so that this file does not name one itself.
INDEX_HOST = re.compile(r"https?://[^\s\"']*(" + "|".join(["pypi", "maven", "npmjs", "pythonhosted", "crates"]) + ")")


@pytest.mark.parametrize("name", ["requirements.lock", "trial/kafka/jars.lock", "benchmarks/peers/requirements.lock"])
def test_a_lock_has_pins_and_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert len(re.findall(r"[0-9a-f]{64}", text)) > 20


def test_no_tracked_text_names_an_index() -> None:
    named = [name for name in TEXTS if INDEX_HOST.search((ROOT / name).read_text(encoding="utf-8", errors="replace"))]
    assert not named


def test_no_lock_file_that_carries_addresses_is_tracked() -> None:
    assert not {"uv.lock", "package-lock.json", "poetry.lock"} & {Path(name).name for name in TRACKED}


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "LICENSE", "CONTRIBUTING.md", "Makefile",
                                  "docker-compose.yml", "Dockerfile", ".ci/run", "pyproject.toml"])
def test_the_house_has_its_papers(name: str) -> None:
    assert name in TRACKED


def test_every_pin_of_the_project_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wishes = [*project["dependencies"], *(wish for extra in project["optional-dependencies"].values() for wish in extra)]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    names = {re.split(r"[\[<>=!~; ]", wish)[0].lower().replace("_", "-") for wish in wishes}
    assert names <= locked
