"""The peers where there are any: without them a test is skipped, and with CI set it fails, for there they must be."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def missing(what: str) -> None:
    """Ends the test: tests/interop/fetch.sh gets what it needs."""
    why = f"no {what} on this machine: run tests/interop/fetch.sh"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def avrocat() -> str:
    """Debian's avrocat, written in C."""
    path = shutil.which(os.environ.get("AVROCAT") or "avrocat")
    if path is None:
        missing("avrocat")
    assert path is not None
    return path


@pytest.fixture(scope="session")
def avsc() -> list[str]:
    """The command that runs avsc_peer.js with npm's avsc."""
    node, packages = shutil.which("node"), sorted((ROOT / ".interop").glob("avsc-*/package"))
    if node is None or not packages:
        missing("node and avsc")
    assert node is not None
    return [node, str(Path(__file__).with_name("avsc_peer.js")), str(packages[-1])]
