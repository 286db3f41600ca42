"""The schema registry over HTTP, under `/registry`: the shapes and numbers of Confluent's Schema Registry 7, for Avro.

Thin: who asks and how is settled here, everything else in governance/registry. Nobody comes in without a role's password.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from anyio import CapacityLimiter
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from console.serve.asking import Asked, BadRequestError, in_thread, read_json
from console.serve.board import Board
from console.serve.login import NotLoggedInError
from governance.registry import changes
from governance.registry.avro_text import canonical
from governance.registry.changes import Outcome
from governance.registry.errors import (
    RegistryError,
    invalid_mode,
    invalid_schema,
    level_not_set,
    mode_not_set,
    not_permitted,
    schema_not_found,
    subject_not_found,
    too_large,
)
from governance.registry.levels import parse_level
from governance.registry.registered import EVERY_SUBJECT, Candidate, Registered
from governance.registry.rights import check_change
from governance.registry.versions import parse_version
from schemas.control import SchemaReference, SchemaText, SubjectVersion
from schemas.errors import BusError, RejectError, RetryError
from schemas.lanes import room_for
from schemas.text import Text

__all__ = ["registry_app"]

_KINDS = ("application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", "application/json")
#: A schema within a JSON string: every quote in it takes two bytes.
_MOST = 4 << 20
#: Changes that may wait for the control writer at once; each holds a thread.
_WAITING = 16
_MODES = ("READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT", "FORWARD")

A = TypeVar("A")
Answer = Callable[[Asked], Any]


class _Reference(BaseModel):
    name: str = Field(min_length=1)
    subject: str = Field(min_length=1)
    version: int = Field(ge=1)


class _Schema(BaseModel):
    """What a client sends of a schema. Keys that say nothing to us are left aside."""

    model_config = ConfigDict(populate_by_name=True)

    text: str | None = Field(default=None, alias="schema")
    kind: str | None = Field(default=None, alias="schemaType")
    references: list[_Reference] | None = None
    rules: Any = Field(default=None, alias="ruleSet")
    id: int | None = None


def registry_app(board: Board) -> Starlette:
    """The registry's own application, to be mounted."""
    desk = _Desk(board)
    door = _Door(board)

    def route(path: str, **methods: Answer) -> Route:
        return Route(path, door.endpoint({name.upper(): answer for name, answer in methods.items()}),
                     methods=[name.upper() for name in methods])  # fmt: skip

    one = "/subjects/{subject}/versions/{version}"
    routes = [
        route("/", get=lambda asked: {}),
        route("/contexts", get=lambda asked: ["."]),
        route("/subjects", get=desk.names),
        route("/subjects/{subject}", post=desk.lookup, delete=desk.delete_subject),
        route("/subjects/{subject}/versions", get=desk.versions, post=desk.register),
        route(one, get=desk.version, delete=desk.delete_version),
        route(f"{one}/schema", get=desk.version_text),
        route(f"{one}/referencedby", get=desk.referring),
        route("/schemas", get=desk.schemas),
        route("/schemas/types", get=lambda asked: ["AVRO"]),
        route("/schemas/ids/{id}", get=desk.schema),
        route("/schemas/ids/{id}/schema", get=desk.schema_text),
        route("/schemas/ids/{id}/subjects", get=desk.places_names),
        route("/schemas/ids/{id}/versions", get=desk.places),
        route("/compatibility/subjects/{subject}/versions", post=desk.check),
        route("/compatibility/subjects/{subject}/versions/{version}", post=desk.check),
        route("/config", get=desk.level, put=desk.set_level, delete=desk.unset_level),
        route("/config/{subject}", get=desk.level, put=desk.set_level, delete=desk.unset_level),
        route("/mode", get=desk.mode, put=desk.set_mode),
        route("/mode/{subject}", get=desk.mode, put=desk.set_mode),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_route})


class _Desk:
    """One method a question; each gives what is sent as JSON."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._desk = board.desk

    def names(self, asked: Asked) -> list[str]:
        prefix = asked.query.get("subjectPrefix", "")
        return asked.page(self._desk.read().names(prefix, deleted=asked.flag("deleted"), only_deleted=_only_deleted(asked)))

    def versions(self, asked: Asked) -> list[int]:
        known = self._desk.read()
        return asked.page(known.versions(_subject(asked), deleted=asked.flag("deleted"), only_deleted=_only_deleted(asked)))

    def version(self, asked: Asked) -> dict[str, Any]:
        version = parse_version(asked.path["version"])
        return _version(_subject(asked), *self._desk.read().find(_subject(asked), version, deleted=asked.flag("deleted")))

    def version_text(self, asked: Asked) -> Response:
        return _raw(self.version(asked)["schema"])

    def referring(self, asked: Asked) -> list[int]:
        known = self._desk.read()
        found, _ = known.find(_subject(asked), parse_version(asked.path["version"]), deleted=True)
        return asked.page(known.referring(_subject(asked), found.version))

    def schemas(self, asked: Asked) -> list[dict[str, Any]]:
        known, deleted = self._desk.read(), asked.flag("deleted")
        found = [_version(name, *known.find(name, version, deleted=deleted))
                 for name in known.names(asked.query.get("subjectPrefix", ""), deleted=deleted)
                 for version in (known.versions(name, deleted=deleted)[-1:] if asked.flag("latestOnly")
                                 else known.versions(name, deleted=deleted))]
        return asked.page(found)

    def schema(self, asked: Asked) -> dict[str, Any]:
        known = self._desk.read()
        return _schema(known.schema(_id(asked))) | ({"maxId": known.highest} if asked.flag("fetchMaxId") else {})

    def schema_text(self, asked: Asked) -> Response:
        return _raw(self._desk.read().schema(_id(asked)).text)

    def places(self, asked: Asked) -> list[dict[str, Any]]:
        wanted = asked.query.get("subject", "")
        places = self._desk.read().places(_id(asked), deleted=asked.flag("deleted"))
        return asked.page([{"subject": name, "version": version} for name, version in places if wanted in ("", name)])

    def places_names(self, asked: Asked) -> list[str]:
        wanted = asked.query.get("subject", "")
        places = self._desk.read().places(_id(asked), deleted=asked.flag("deleted"))
        return asked.page([name for name in dict.fromkeys(name for name, _ in places) if wanted in ("", name)])

    def lookup(self, asked: Asked) -> dict[str, Any]:
        known, subject, candidate = self._desk.read(), _subject(asked), _candidate(asked)
        known.complete(candidate)
        deleted = asked.flag("deleted")
        if subject not in known.names(deleted=deleted):
            raise subject_not_found(subject)
        found = known.lookup(subject, candidate, deleted=deleted, normalise=asked.flag("normalize"))
        if found is None:
            raise schema_not_found()
        return _version(subject, found, known.schemas[found.number])

    def register(self, asked: Asked) -> dict[str, Any]:
        subject, candidate, normalise = _subject(asked), _candidate(asked), asked.flag("normalize")
        return {"id": self._change(asked, lambda known: changes.register(known, subject, candidate, normalise=normalise))}

    def delete_subject(self, asked: Asked) -> list[int]:
        return self._change(asked, lambda known: changes.delete_subject(known, _subject(asked), permanent=asked.flag("permanent")))

    def delete_version(self, asked: Asked) -> int:
        version = parse_version(asked.path["version"])
        return self._change(asked, lambda known: changes.delete_version(known, _subject(asked), version,
                                                                        permanent=asked.flag("permanent")))

    def check(self, asked: Asked) -> dict[str, Any]:
        version = parse_version(asked.path["version"]) if "version" in asked.path else None
        messages = changes.check(self._desk.read(), _subject(asked), _candidate(asked), version)
        return {"is_compatible": not messages} | ({"messages": messages} if asked.flag("verbose") else {})

    def level(self, asked: Asked) -> dict[str, Any]:
        known, subject = self._desk.read(), _subject(asked)
        if not subject:
            return {"compatibilityLevel": known.level}
        own = known.subjects[subject].level if subject in known.subjects else None
        if own is None and not asked.flag("defaultToGlobal"):
            raise level_not_set(subject)
        return {"compatibilityLevel": own or known.level_of(subject)}

    def set_level(self, asked: Asked) -> dict[str, Any]:
        level = parse_level(asked.body.get("compatibility", asked.body.get("compatibilityLevel")))
        return {"compatibility": self._change(asked, lambda known: changes.set_level(known, _subject(asked), level))}

    def unset_level(self, asked: Asked) -> dict[str, Any]:
        return {"compatibilityLevel": self._change(asked, lambda known: changes.unset_level(known, _subject(asked)))}

    def mode(self, asked: Asked) -> dict[str, Any]:
        if _subject(asked) and not asked.flag("defaultToGlobal"):
            raise mode_not_set(_subject(asked))
        return {"mode": "READWRITE"}

    def set_mode(self, asked: Asked) -> dict[str, Any]:
        check_change(asked.role, _subject(asked), self._desk.read())
        mode = str(asked.body.get("mode", "")).upper()
        if mode not in _MODES:
            raise invalid_mode()
        if mode != "READWRITE":
            raise not_permitted(Text(f"不支持模式状态 {mode}", f"mode {mode} is not supported"),
                                Text("要停止登记，请收回该部门的口令", "to end registrations take the department's password away"))
        return {"mode": mode}

    def _change(self, asked: Asked, step: Callable[[Registered], Outcome[A]]) -> A:
        trouble = self._board.kafka.trouble
        if trouble is not None:  # nobody waits for a Kafka that is known to be away
            raise RetryError(trouble.problem, advice=trouble.advice)

        def allowed(known: Registered) -> Outcome[A]:
            check_change(asked.role, _subject(asked), known)
            return step(known)

        return self._desk.change(allowed, by=asked.role)


class _Door:
    """What every question has in common: who asks, its body, and how errors are told."""

    def __init__(self, board: Board) -> None:
        self._login = board.login
        self._waiting = CapacityLimiter(_WAITING)

    def endpoint(self, answers: dict[str, Answer]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                role = await in_thread(self._login.role, request.headers.get("authorization", ""))
                body = await read_json(request, _KINDS, _MOST) if request.method in ("POST", "PUT") else {}
                asked = Asked(role, dict(request.path_params), request.query_params, body)
                wanted = answers["GET" if request.method == "HEAD" else request.method]
                given = await in_thread(wanted, asked, limiter=None if request.method in ("GET", "HEAD") else self._waiting)
            except BusError as error:
                return _refused(error)
            return given if isinstance(given, Response) else JSONResponse(given, media_type=_media(request))
        return answer


def _subject(asked: Asked) -> str:
    """The subject in the path; where there is none, that of all."""
    return asked.path.get("subject", EVERY_SUBJECT)


def _only_deleted(asked: Asked) -> bool:
    """Confluent's name, and that which its Python client sends."""
    return asked.flag("deletedOnly", "deleted_only")


def _id(asked: Asked) -> int:
    word = asked.path["id"]
    if not (word.isascii() and word.isdigit() and len(word) <= 10):
        raise schema_not_found()
    return int(word)


def _candidate(asked: Asked) -> Candidate:
    """The schema in the body; 42201 in plain words for what is not taken here."""
    try:
        sent = _Schema.model_validate(asked.body)
    except ValidationError as error:
        wrong = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)}))
        raise invalid_schema(Text(f"字段 {wrong} 不合要求", f"the fields {wrong} are not as they should be")) from None
    if (sent.kind or "AVRO").upper() != "AVRO":
        raise invalid_schema(Text("总线上只用 Avro；其他类型请转换后登记", "the bus speaks Avro only, no other type is kept"))
    if sent.rules or (sent.id or 0) > 0:
        raise not_permitted(Text("不支持 ruleSet，也不能指定编号", "rule sets are not supported, and an id cannot be asked for"),
                            Text("去掉这些字段；数据规则写在数据资源里", "leave them out; the rules of data stand in its dataset"))
    if not sent.text or not sent.text.strip():
        raise invalid_schema(Text("没有 schema", "there is no schema"))
    room = room_for("bus.schemas")
    if len(sent.text.encode()) > room:
        raise too_large(room)
    return Candidate(canonical(sent.text), tuple(SchemaReference(**each.model_dump()) for each in sent.references or ()))


def _schema(schema: SchemaText) -> dict[str, Any]:
    return {"schema": schema.text} | ({"references": [each.model_dump() for each in schema.references]} if schema.references else {})


def _version(subject: str, version: SubjectVersion, schema: SchemaText) -> dict[str, Any]:
    return {"subject": subject, "version": version.version, "id": version.number} | _schema(schema)


def _raw(text: str) -> Response:
    return Response(text, media_type=_KINDS[0])


def _media(request: Request) -> str:
    """The first of ours that the client names, else Confluent's own."""
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("accept", "").lower().split(",")]
    return next((kind for kind in accepted if kind in _KINDS), _KINDS[0])


def _refused(error: BusError) -> JSONResponse:
    headers = {}
    match error:
        case RegistryError():
            status, number = error.status, error.number
        case NotLoggedInError():
            status, number, headers = 401, 401, {"WWW-Authenticate": 'Basic realm="shutong"'}
        case BadRequestError():
            status, number = error.status, error.status
        case RejectError():
            status, number = (422, 42209) if error.code == "too_large" else (422, 422)
        case _:
            status, number = 500, 50001
    return _told(status, number, f"{error.problem.en} → {error.advice.en}", headers)


async def _no_route(request: Request, error: Exception) -> Response:
    """What no route takes, in the shape of every other error."""
    assert isinstance(error, HTTPException)
    return _told(error.status_code, error.status_code, f"HTTP {error.status_code} {error.detail}", dict(error.headers or {}))


def _told(status: int, number: int, message: str, headers: dict[str, str]) -> JSONResponse:
    return JSONResponse({"error_code": number, "message": message}, status_code=status, headers=headers, media_type=_KINDS[0])
