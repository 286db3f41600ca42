"""What is registered at one version of the plan: subjects, their versions, levels, and what references and uses what. Pure.

The plan's own schemas are subjects like any others, also those of a plan that was written before subjects were.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from governance.registry.avro_text import Json, complete, definitions, normalised, standalone
from governance.registry.errors import invalid_schema, schema_not_found, subject_not_found, version_not_found
from governance.registry.versions import LATEST, Latest
from schemas.contract import event_subject, output_subject
from schemas.control import Level, Plan, SchemaReference, SchemaText, Subject, SubjectVersion
from schemas.text import Text

__all__ = ["EVERY_SUBJECT", "LEAST", "Candidate", "Registered", "Use", "known_subjects"]

#: The name of the subject that holds the level of all others: none can be registered under it.
EVERY_SUBJECT = ""

#: What a subject of the plan asks of a new version at least: records of every earlier one may lie on its lanes.
LEAST: Level = "BACKWARD_TRANSITIVE"


class Candidate(NamedTuple):
    """A schema that is asked about: its canonical text and what it references."""

    text: str
    references: tuple[SchemaReference, ...] = ()


class Use(NamedTuple):
    """Who on the bus uses a subject: `kind` and id, and the registry id in force."""

    kind: str
    id: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


def known_subjects(plan: Plan) -> dict[str, Subject]:
    """Every subject with a name, those of schemas too that were registered before subjects were written down."""
    found = {name: subject for name, subject in plan.subjects.items() if name != EVERY_SUBJECT}
    unwritten: dict[str, list[int]] = {}
    for number, schema in sorted(plan.schemas.items()):
        if schema.subject not in found:
            unwritten.setdefault(schema.subject, []).append(number)
    return found | {name: Subject(id=name, versions=tuple(SubjectVersion(version=at, number=number)
                                                          for at, number in enumerate(numbers, 1)))
                    for name, numbers in unwritten.items()}


class Registered:
    """One version of everything. Answers questions; what would change it is decided in `changes`."""

    def __init__(self, plan: Plan) -> None:
        self.version = plan.version
        self.schemas: Mapping[int, SchemaText] = plan.schemas
        self.subjects: Mapping[str, Subject] = known_subjects(plan)
        every = plan.subjects.get(EVERY_SUBJECT)
        self.every = every or Subject(id=EVERY_SUBJECT)
        #: Confluent's level where none was set.
        self.level: Level = self.every.level or "BACKWARD"
        self.uses: Mapping[str, Use] = dict(_uses(plan))

    @cached_property
    def _numbers(self) -> dict[Candidate, int]:
        # What a reference leads to may have changed once the schema that had it was deleted for good: that one is not found again.
        return {Candidate(schema.text, schema.references): number for number, schema in sorted(self.schemas.items(), reverse=True)
                if not schema.references or number in self._places}

    @cached_property
    def _places(self) -> dict[int, list[tuple[str, SubjectVersion]]]:
        found: dict[int, list[tuple[str, SubjectVersion]]] = {}
        for name, subject in sorted(self.subjects.items()):
            for each in subject.versions:
                found.setdefault(each.number, []).append((name, each))
        return found

    @property
    def highest(self) -> int:
        """The highest id ever given: no schema is ever forgotten, whatever becomes of its subjects."""
        return max(self.schemas, default=0)

    def names(self, prefix: str = "", *, deleted: bool = False, only_deleted: bool = False) -> list[str]:
        """The subjects that have a version, in order; a subject is deleted when all its versions are."""
        def shown(subject: Subject) -> bool:
            living = any(not each.deleted for each in subject.versions)
            return bool(subject.versions) and (not living if only_deleted else living or deleted)
        return sorted(name for name, subject in self.subjects.items() if name.startswith(prefix) and shown(subject))

    def versions(self, subject: str, *, deleted: bool = False, only_deleted: bool = False) -> list[int]:
        """The versions of a subject; 40401 when it has none, deleted ones counted only if asked for."""
        there = self._versions(subject, deleted or only_deleted)
        return [each.version for each in there if each.deleted or not only_deleted]

    def find(self, subject: str, version: int | Latest, *, deleted: bool = False) -> tuple[SubjectVersion, SchemaText]:
        """One version and its schema; 40401, 40402."""
        there = self._versions(subject, deleted)
        found = there[-1] if version is LATEST else next((each for each in there if each.version == version), None)
        if found is None:
            raise version_not_found(str(version))
        return found, self.schemas[found.number]

    def schema(self, number: int) -> SchemaText:
        """The schema of an id that some version of some subject still has; 40403."""
        if number not in self._places or number not in self.schemas:
            raise schema_not_found(number)
        return self.schemas[number]

    def places(self, number: int, *, deleted: bool = False) -> list[tuple[str, int]]:
        """The subjects and versions of an id; 40403."""
        self.schema(number)
        return [(name, each.version) for name, each in self._places[number] if deleted or not each.deleted]

    def number_of(self, candidate: Candidate) -> int | None:
        """The id of just this text with just these references."""
        return self._numbers.get(candidate)

    def lookup(self, subject: str, candidate: Candidate, *, deleted: bool = False, normalise: bool = False) -> SubjectVersion | None:
        """The newest version of the subject that has this schema; by `normalise` however it is written."""
        known = self.subjects.get(subject)
        number, spelled = self.number_of(candidate), normalised(candidate.text, self.lent(candidate)) if normalise else ""
        for each in reversed(known.versions if known is not None else ()):
            if (deleted or not each.deleted) and (each.number == number or (normalise and self._spelled(each.number) == spelled)):
                return each
        return None

    def referring(self, subject: str, version: int, *, deleted: bool = False) -> list[int]:
        """The ids of schemas that reference this version; `deleted`: those too that are deleted everywhere, though not for good."""
        return sorted(number for number, schema in self.schemas.items()
                      if any((each.subject, each.version) == (subject, version) for each in schema.references)
                      and any(deleted or not place.deleted for _, place in self._places.get(number, ())))

    def level_of(self, subject: str) -> Level:
        """The level that applies to a subject: its own, the least one if the bus uses it, else that of all."""
        known = self.subjects.get(subject)
        own = known.level if known is not None else None
        return own or (LEAST if subject in self.uses else self.level)

    def held(self, subject: str, number: int) -> Use | None:
        """Who needs this version of a subject of the plan: the one in force, and those before it, whose records may lie on lanes."""
        use = self.uses.get(subject)
        if use is None:
            return None
        numbers = [each.number for each in self.subjects[subject].versions] if subject in self.subjects else []
        last = max((at for at, each in enumerate(numbers) if each == use.number), default=-1)
        return use if number in numbers[:last + 1] else None

    def lent(self, candidate: Candidate) -> dict[str, Json]:
        """The types that what it references defines, by full name; 42201 for a reference that leads nowhere."""
        found: dict[str, Json] = {}
        for text, inner in self._referenced(candidate.references, deleted=False):
            found |= definitions(standalone(text, inner))
        return found

    def complete(self, candidate: Candidate) -> str:
        """The schema with all it references; 42201."""
        return complete(candidate.text, self.lent(candidate))

    def complete_version(self, number: int) -> str:
        """A registered schema with all it references, deleted or not."""
        schema = self.schemas[number]
        return json.dumps(standalone(schema.text, self._all_lent(schema.references)))

    def _spelled(self, number: int) -> str:
        schema = self.schemas[number]
        return normalised(schema.text, self._all_lent(schema.references))

    def _all_lent(self, references: Iterable[SchemaReference]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for text, inner in self._referenced(references, deleted=True):
            found |= definitions(standalone(text, inner))
        return found

    def _referenced(self, references: Iterable[SchemaReference], deleted: bool) -> Iterator[tuple[str, dict[str, Json]]]:
        """Each referenced text and what it borrows itself. References lead to what was registered before: there is no circle."""
        for each in references:
            subject = self.subjects.get(each.subject)
            found = next((version for version in (subject.versions if subject is not None else ())
                          if version.version == each.version and (deleted or not version.deleted)), None)
            if found is None:
                raise invalid_schema(Text(f"引用的主题 {each.subject} 版本 {each.version} 不存在",
                                          f"no schema reference found for subject \"{each.subject}\" and version {each.version}"))
            schema = self.schemas[found.number]
            yield schema.text, self._all_lent(schema.references)

    def _versions(self, subject: str, deleted: bool) -> list[SubjectVersion]:
        known = self.subjects.get(subject)
        there = [each for each in (known.versions if known is not None else ()) if deleted or not each.deleted]
        if not there:
            raise subject_not_found(subject)
        return there


def _uses(plan: Plan) -> Iterator[tuple[str, Use]]:
    """The subjects of datasets and of outputs, revoked ones too: their inboxes still hold what was delivered."""
    for dataset in plan.datasets.values():
        yield event_subject(dataset.id), Use("dataset", dataset.id, dataset.event_schema)
    for subscription in plan.subscriptions.values():
        yield output_subject(subscription), Use("subscription", subscription.id, subscription.output_schema)
