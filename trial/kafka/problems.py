"""Everything that can keep a local Kafka from running, in words: one function an error. For this folder's modules."""

from pathlib import Path

from schemas.errors import HaltError, RetryError
from schemas.text import Text

__all__ = [
    "directory_unusable",
    "disk_full",
    "home_taken",
    "jar_missing",
    "jar_wrong",
    "jars_unwritable",
    "never_started",
    "no_java",
    "no_kafka_home",
    "not_formatted",
    "not_ready",
    "offline",
    "password_lost",
    "port_taken",
    "start_failed",
    "will_not_die",
]

_ELSE = Text(
    zh="或设置 KAFKA_HOME 指向已解压的 Kafka 4，或设置 SHUTONG_BOOTSTRAP 使用现有集群",
    en="or set KAFKA_HOME to an unpacked Kafka 4, or SHUTONG_BOOTSTRAP to a cluster that exists",
)


def offline(coordinates: str, why: BaseException) -> RetryError:
    return RetryError(
        Text(
            zh=f"取不到 {coordinates}：连不上软件源 ({type(why).__name__})",
            en=f"cannot fetch {coordinates}: no repository answers ({type(why).__name__})",
        ),
        advice=Text(
            zh=f"联网后重试 (已取得的 jar 不会重取)，{_ELSE.zh}",
            en=f"try again when online (what was fetched is kept), {_ELSE.en}",
        ),
        after=5,
    )


def jar_missing(coordinates: str) -> HaltError:
    return HaltError(
        Text(zh=f"软件源中没有 {coordinates}", en=f"the repositories do not have {coordinates}"),
        advice=Text(
            zh=f"检查 jgo 设置中的软件源，{_ELSE.zh}", en=f"check the repositories in jgo's settings, {_ELSE.en}"
        ),
    )


def jar_wrong(coordinates: str) -> HaltError:
    return HaltError(
        Text(
            zh=f"{coordinates} 的内容与锁定的 SHA-256 不符，已拒绝并删除",
            en=f"{coordinates} is not the locked file (its SHA-256 differs): refused and removed",
        ),
        advice=Text(
            zh=f"检查软件源是否被篡改或损坏后重试，{_ELSE.zh}",
            en=f"check the repository for damage or tampering and try again, {_ELSE.en}",
        ),
    )


def jars_unwritable(folder: Path, why: OSError) -> HaltError:
    return HaltError(
        Text(
            zh=f"无法写入 jar 缓存 {folder} ({why.strerror})", en=f"cannot write the jars to {folder} ({why.strerror})"
        ),
        advice=Text(
            zh=f"腾出 100 MB 空间、检查权限，或用 XDG_CACHE_HOME 换一个目录，{_ELSE.zh}",
            en=f"free 100 MB, check the rights, choose another place by XDG_CACHE_HOME, {_ELSE.en}",
        ),
    )


def no_kafka_home(home: Path) -> HaltError:
    return HaltError(
        Text(
            zh=f"KAFKA_HOME={home} 中没有 Kafka 4 (缺 libs/kafka-server-4.*.jar)",
            en=f"KAFKA_HOME={home} holds no Kafka 4 (libs/kafka-server-4.*.jar is missing)",
        ),
        advice=Text(
            zh="改正或取消 KAFKA_HOME；取消后自动使用锁定的 jar",
            en="correct KAFKA_HOME, or unset it: then the locked jars are used",
        ),
    )


def no_java() -> HaltError:
    return HaltError(
        Text(zh="找不到 Java", en="no Java is to be found"),
        advice=Text(
            zh="运行 pip install 'shutong[local]' (自带 Java)，或设置 JAVA_HOME (Java 17 以上)，"
            "或设置 SHUTONG_BOOTSTRAP 使用现有集群",
            en="run pip install 'shutong[local]' (it brings one), or set JAVA_HOME (Java 17 or later), "
            "or SHUTONG_BOOTSTRAP to a cluster that exists",
        ),
    )


def directory_unusable(home: Path, why: OSError) -> HaltError:
    return HaltError(
        Text(
            zh=f"Kafka 目录 {home} 不可用 ({why.strerror})",
            en=f"Kafka's directory {home} is of no use ({why.strerror})",
        ),
        advice=Text(zh="检查路径、权限和磁盘空间后重试", en="check the path, the rights and the disk, and try again"),
    )


def disk_full(home: Path, free: int, need: int) -> HaltError:
    return HaltError(
        Text(
            zh=f"{home} 所在磁盘只剩 {free >> 20} MB，Kafka 至少需要 {need >> 20} MB",
            en=f"the disk of {home} has {free >> 20} MB left; Kafka needs at least {need >> 20} MB",
        ),
        advice=Text(zh="腾出空间，或换一个目录", en="free some space, or choose another directory"),
    )


def home_taken(home: Path, pid: int | None) -> HaltError:
    return HaltError(
        Text(
            zh=f"{home} 正由另一个 Kafka 使用 (进程 {pid or '?'})",
            en=f"another Kafka runs in {home} (process {pid or '?'})",
        ),
        advice=Text(
            zh="用 shutong status 查看、shutong down 停止它，或换一个目录",
            en="look with `shutong status`, stop it with `shutong down`, or choose another directory",
        ),
    )


def password_lost(path: Path) -> HaltError:
    return HaltError(
        Text(zh=f"没有口令文件 {path}", en=f"there is no password file {path}"),
        advice=Text(
            zh="恢复该文件；或删除整个 Kafka 目录重新开始 (数据会丢失)",
            en="restore the file, or delete Kafka's whole directory and begin anew (its data is lost)",
        ),
    )


def not_formatted(words: str) -> HaltError:
    return HaltError(
        Text(zh=f"Kafka 数据目录格式化失败：{words}", en=f"Kafka's data directory could not be formatted: {words}"),
        advice=Text(
            zh="检查 Java 版本 (17 以上) 与磁盘后重试", en="check Java (17 or later) and the disk, and try again"
        ),
    )


def port_taken(port: int) -> HaltError:
    return HaltError(
        Text(zh=f"端口 {port} 已被占用", en=f"port {port} is taken"),
        advice=Text(
            zh="停止占用它的程序，或换一个端口，或不指定端口 (自动选择)",
            en="stop the program that has it, choose another, or name none (a free one is taken)",
        ),
    )


def never_started(home: Path) -> HaltError:
    return HaltError(
        Text(zh=f"{home} 中的 Kafka 还没有启动过", en=f"the Kafka in {home} was never started"),
        advice=Text(zh="先运行 shutong up", en="run `shutong up` first"),
    )


def start_failed(log: Path, words: str) -> HaltError:
    return HaltError(
        Text(
            zh=f"Kafka 启动失败，{log} 中最后的错误：{words}",
            en=f"Kafka did not start; the last errors in {log}: {words}",
        ),
        advice=Text(zh="按日志改正后重试", en="correct what the log says and try again"),
    )


def not_ready(log: Path, timeout: float, words: str) -> HaltError:
    return HaltError(
        Text(
            zh=f"Kafka 在 {timeout:.0f} 秒内没有就绪，{log} 末尾：{words}",
            en=f"Kafka was not ready within {timeout:.0f} s; the last of {log}: {words}",
        ),
        advice=Text(zh="机器繁忙时加长等待时间后重试", en="wait longer on a busy machine, and try again"),
    )


def will_not_die(pid: int) -> HaltError:
    return HaltError(
        Text(zh=f"Kafka 进程 {pid} 无法结束", en=f"Kafka's process {pid} cannot be ended"),
        advice=Text(
            zh="磁盘可能没有响应：检查后手动结束该进程", en="its disk may hang: look, then end the process by hand"
        ),
    )
