"""The jars of Apache Kafka: found in `KAFKA_HOME`, or fetched once into a cache and checked against `jars.lock`.

For the local broker. What `fetch` returns is a folder in which every locked jar has been compared with its SHA-256.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from schemas.errors import HaltError, RetryError
from schemas.text import Text

__all__ = ["VERSION", "Jar", "default_cache", "fetch", "locked"]

VERSION = "4.3.0"
Progress = Callable[[int, int], None]
_AT_ONCE = 8
_OTHER_WAYS = Text(
    zh="或设置 KAFKA_HOME 指向已解压的 Kafka 4 目录，或设置 SHUTONG_BOOTSTRAP 使用现有集群",
    en="or set KAFKA_HOME to an unpacked Kafka 4, or SHUTONG_BOOTSTRAP to a cluster that exists",
)


class Jar(NamedTuple):
    """One line of the lock: Maven coordinates and the SHA-256 of the file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinates(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


Download = Callable[[Jar, Path], Path]


def locked() -> list[Jar]:
    """Every jar a broker of this version needs, with the logging that Kafka leaves to the operator."""
    lines = resources.files("trial.kafka").joinpath("jars.lock").read_text(encoding="ascii").splitlines()
    return [Jar(*line.replace(" ", ":").split(":", 3)) for line in lines]


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "shutong" / f"kafka-{VERSION}"


def fetch(cache: Path | None = None, progress: Progress | None = None, *, download: Download | None = None) -> Path:
    """The folder with Kafka's jars. A good jar is never fetched again; a wrong one is removed and refused."""
    home = os.environ.get("KAFKA_HOME")
    if home:
        return _installed(Path(home))
    folder = cache or default_cache()
    jars = locked()
    missing = [jar for jar in jars if not _good(folder / jar.name, jar)]
    if progress:
        progress(len(jars) - len(missing), len(jars))
    if missing:
        _fetch_all(missing, folder, len(jars), progress, download or _download)
    return folder


def _installed(home: Path) -> Path:
    libs = home / "libs"
    if not list(libs.glob("kafka-server-4.*.jar")):
        raise HaltError(
            Text(zh=f"KAFKA_HOME={home} 中没有 Kafka 4 (缺 libs/kafka-server-4.*.jar)",
                 en=f"KAFKA_HOME={home} holds no Kafka 4 (libs/kafka-server-4.*.jar is missing)"),
            advice=Text(zh="改正或取消 KAFKA_HOME；取消后自动使用锁定的 jar",
                        en="correct KAFKA_HOME, or unset it: then the locked jars are used"),
        )  # fmt: skip
    return libs


def _fetch_all(missing: list[Jar], folder: Path, total: int, progress: Progress | None, download: Download) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Downloads land in a scratch folder and are moved when checked, so a killed run leaves no half jar behind.
        with tempfile.TemporaryDirectory(dir=folder, prefix="part-") as scratch, ThreadPoolExecutor(_AT_ONCE) as pool:
            work = [pool.submit(_fetch_one, jar, folder, Path(scratch), download) for jar in missing]
            try:
                for done, job in enumerate(as_completed(work), total - len(missing) + 1):
                    job.result()
                    if progress:
                        progress(done, total)
            finally:
                pool.shutdown(cancel_futures=True)
    except OSError as error:
        raise HaltError(
            Text(zh=f"无法写入 jar 缓存 {folder} ({error.strerror})",
                 en=f"cannot write the jars to {folder} ({error.strerror})"),
            advice=Text(zh=f"腾出 100 MB 空间或检查权限，{_OTHER_WAYS.zh}",
                        en=f"free 100 MB or check the rights, {_OTHER_WAYS.en}"),
        ) from error  # fmt: skip


def _fetch_one(jar: Jar, folder: Path, scratch: Path, download: Download) -> None:
    path = download(jar, scratch)
    if not _good(path, jar):
        path.unlink(missing_ok=True)
        raise HaltError(
            Text(zh=f"{jar.coordinates} 的内容与锁定的 SHA-256 不符，已拒绝并删除",
                 en=f"{jar.coordinates} is not the locked file (SHA-256 differs): refused and removed"),
            advice=Text(zh=f"检查软件源是否被篡改或损坏后重试，{_OTHER_WAYS.zh}",
                        en=f"check the repository for damage or tampering and try again, {_OTHER_WAYS.en}"),
        )  # fmt: skip
    shutil.move(path, folder / jar.name)


def _good(path: Path, jar: Jar) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256


def _download(jar: Jar, scratch: Path) -> Path:
    """One file by jgo, from the repositories its settings name. Versions are never resolved: the lock says them."""
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext, PythonResolver
    from requests import RequestException

    context = MavenContext(resolver=PythonResolver(), repo_cache=scratch, timeout=30)
    context.remote_repos = {**GlobalSettings.load().repositories, **context.remote_repos}
    try:
        return Path(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())
    except RequestException as error:
        raise RetryError(
            Text(zh=f"取不到 {jar.coordinates}：连不上软件源 ({type(error).__name__})",
                 en=f"cannot fetch {jar.coordinates}: no repository answers ({type(error).__name__})"),
            advice=Text(zh=f"联网后重试 (已取得的 jar 不会重取)，{_OTHER_WAYS.zh}",
                        en=f"try again when online (what was fetched is kept), {_OTHER_WAYS.en}"),
            after=5,
        ) from error  # fmt: skip
    except RuntimeError as error:  # jgo's word for "no repository has it"; its own message names hosts
        raise RetryError(
            Text(zh=f"软件源中没有 {jar.coordinates}", en=f"no repository has {jar.coordinates}"),
            advice=Text(zh=f"检查 jgo 设置中的软件源，{_OTHER_WAYS.zh}",
                        en=f"check the repositories in jgo's settings, {_OTHER_WAYS.en}"),
            after=5,
        ) from error  # fmt: skip
