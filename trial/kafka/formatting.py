"""The first start of a home: draws the passwords, and formats Kafka's data directory with the super user in it."""

import base64
import secrets
import shutil
import subprocess
from pathlib import Path

from trial.kafka import problems, settings
from trial.kafka.home import Home, write_secret

__all__ = ["CONTROLLER", "format_once"]

CONTROLLER = "controller"
_TIMEOUT = 120


def format_once(home: Home, libs: Path, lock: int) -> None:
    """Do nothing to a home that has data. The data appears whole, by a rename, or not at all."""
    if home.data.exists():
        return
    for user in (settings.ADMIN, CONTROLLER):
        write_secret(home.secrets / f"{user}.password", secrets.token_urlsafe(24))
    fresh = home.path / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    _run_tool(home, libs, fresh, lock)
    fresh.rename(home.data)


def _run_tool(home: Home, libs: Path, fresh: Path, lock: int) -> None:
    properties, arguments = home.secrets / "format.properties", home.secrets / "format.args"
    write_secret(
        properties, settings.server(port=1, controller_port=2, data=fresh, password="-", controller_password="-")
    )
    scram = f"SCRAM-SHA-512=[name={settings.ADMIN},password={home.password(settings.ADMIN)}]"
    # One argument a line in a file: the password is never seen in the list of processes.
    write_secret(arguments, "\n".join(["format", "-t", _cluster_id(), "-c", str(properties), "--add-scram", scram]))
    command = settings.command("kafka.tools.StorageTool", libs=libs, home=home.path, heap="128m")
    try:
        done = subprocess.run(
            [*command, f"@{arguments}"],
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
            env=settings.environment(),
            pass_fds=(lock,),  # should we be killed now, nobody else may begin here before the tool has ended
        )
    finally:
        arguments.unlink()
        properties.unlink()
    if done.returncode != 0:
        raise problems.not_formatted(_last_words(done.stderr + done.stdout))


def _cluster_id() -> str:
    """A random one, as Kafka draws them. One that begins with `-` would be taken for an option."""
    while (drawn := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        pass
    return drawn


def _last_words(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "-"
