"""What a request changes: from what is registered to the answer and the control objects to write. Pure; nothing to write is no change.

Every function may be called again with newer knowledge: a registration that was carried out already writes nothing.
"""

from collections.abc import Collection, Iterable
from typing import Generic, NamedTuple, TypeVar

from governance.registry.avro_text import normalised
from governance.registry.compatibility import Earlier, misfits
from governance.registry.errors import (
    in_use,
    incompatible,
    invalid_subject,
    not_permitted,
    referenced,
    subject_deleted,
    subject_not_deleted,
    subject_not_found,
    version_deleted,
    version_not_deleted,
    version_not_found,
)
from governance.registry.levels import asks_as_much, looks_back, looks_forward, transitive
from governance.registry.registered import LEAST, Candidate, Registered, known_subjects
from governance.registry.versions import LATEST, Latest
from schemas.control import ControlObject, Level, Plan, SchemaText, Subject, SubjectVersion
from schemas.text import Text

__all__ = ["Outcome", "check", "check_besides", "delete_subject", "delete_version", "register", "set_level", "unset_level",
           "with_registered"]

A = TypeVar("A")

_LONGEST_NAME = 255


class Outcome(NamedTuple, Generic[A]):
    """The answer to a request, and what has to be written for it to be true."""

    answer: A
    objects: tuple[ControlObject, ...] = ()


def register(known: Registered, subject: str, candidate: Candidate, *, normalise: bool = False) -> Outcome[int]:
    """The id of a schema under a subject; the next version if the subject has no such one. 409, 42201, 42208."""
    _check_name(subject)
    new = known.complete(candidate)
    there = known.lookup(subject, candidate, normalise=normalise)
    if there is not None:
        return Outcome(there.number)
    if problems := misfits(new, _earlier(known, subject), known.level_of(subject)):
        raise incompatible(subject, problems)
    if normalise:
        candidate = candidate._replace(text=normalised(candidate.text, known.lent(candidate)))
    number = known.number_of(candidate)
    texts: tuple[ControlObject, ...] = ()
    if number is None:
        number = known.highest + 1
        texts = (SchemaText(id=str(number), number=number, subject=subject, text=candidate.text, references=candidate.references),)
    return Outcome(number, (*texts, _with_version(known.subjects.get(subject) or Subject(id=subject), number)))


def with_registered(plan: Plan, used: Iterable[tuple[str, int]]) -> list[Subject]:
    """The subjects that get a version so that each of these (subject, id) has one that is not deleted. For `apply`."""
    subjects, grown = known_subjects(plan), dict[str, Subject]()
    for name, number in used:
        subject = grown.get(name) or subjects.get(name) or Subject(id=name)
        if not any(each.number == number and not each.deleted for each in subject.versions):
            grown[name] = _with_version(subject, number)
    return list(grown.values())


def check(known: Registered, subject: str, candidate: Candidate, version: int | Latest | None = None) -> list[str]:
    """What is against registering it, by the subject's level: against one version, or (None) as a registration would look."""
    new, earlier = known.complete(candidate), _earlier(known, subject)
    if version is LATEST:
        earlier = earlier[-1:]
    elif version is not None:
        earlier = [each for each in earlier if each[0] == version]
        if not earlier:
            raise version_not_found(str(version))
    return misfits(new, earlier, known.level_of(subject))


def check_besides(known: Registered, subject: str, candidate: Candidate, own: Collection[int]) -> list[str]:
    """As `check`, but for reading what was written with the ids `own`, of which another judges."""
    new, level, found = known.complete(candidate), known.level_of(subject), list[str]()
    if looks_back(level):
        others = _earlier(known, subject, but=own)
        found += misfits(new, others, "BACKWARD_TRANSITIVE" if transitive(level) else "BACKWARD")
    if looks_forward(level):
        found += misfits(new, _earlier(known, subject), "FORWARD_TRANSITIVE" if transitive(level) else "FORWARD")
    return found


def delete_subject(known: Registered, subject: str, *, permanent: bool = False) -> Outcome[list[int]]:
    """Delete every version; `permanent`: those that are deleted already, for good. The versions it was about."""
    there = known.subjects.get(subject)
    if there is None or not there.versions:
        raise subject_not_found(subject)
    living = [each for each in there.versions if not each.deleted]
    if permanent and living:
        raise subject_not_deleted(subject)
    if not permanent and not living:
        raise subject_deleted(subject)
    going = there.versions if permanent else tuple(living)
    for each in going:
        _check_going(known, subject, each, permanent)
    left = () if permanent else tuple(each.model_copy(update={"deleted": True}) for each in there.versions)
    return Outcome([each.version for each in going], (_without_level(there, left),))


def delete_version(known: Registered, subject: str, version: int | Latest, *, permanent: bool = False) -> Outcome[int]:
    """Delete one version; `permanent`: one that is deleted already, for good. Its number."""
    there = known.subjects.get(subject)
    if there is None or not there.versions:
        raise subject_not_found(subject)
    wanted = max((each.version for each in there.versions if each.deleted == permanent), default=0) if version is LATEST else version
    found = next((each for each in there.versions if each.version == wanted), None)
    if found is None:
        raise version_not_found(str(version.value if isinstance(version, Latest) else version))
    if permanent and not found.deleted:
        raise version_not_deleted(subject, found.version)
    if not permanent and found.deleted:
        raise version_deleted(subject, found.version)
    _check_going(known, subject, found, permanent)
    left = tuple(each.model_copy(update={"deleted": True}) if each is found else each
                 for each in there.versions if not (permanent and each is found))
    return Outcome(found.version, (_without_level(there, left),))


def set_level(known: Registered, subject: str, level: Level) -> Outcome[Level]:
    """The level of a subject, which need not be there yet, or of all (`EVERY_SUBJECT`)."""
    if subject:
        _check_name(subject)
    use = known.uses.get(subject)
    if use is not None and not asks_as_much(level, LEAST):
        raise not_permitted(Text(f"主题 {subject} 由总线使用（{use}），级别不能低于 {LEAST}",
                                 f"the bus uses subject {subject} ({use}): its level asks for no less than {LEAST}"),
                            Text("选 BACKWARD_TRANSITIVE 或 FULL_TRANSITIVE", "choose BACKWARD_TRANSITIVE or FULL_TRANSITIVE"))
    there = known.subjects.get(subject) or Subject(id=subject) if subject else known.every
    return Outcome(level, () if there.level == level else (there.model_copy(update={"level": level}),))


def unset_level(known: Registered, subject: str) -> Outcome[Level]:
    """Let the level of all apply to a subject again, or Confluent's to all; the level that was set. 40401 as Confluent has it."""
    there = known.subjects.get(subject) if subject else known.every
    if subject and (there is None or there.level is None):
        raise subject_not_found(subject)
    assert there is not None
    was = there.level or known.level
    return Outcome(was, () if there.level is None else (there.model_copy(update={"level": None}),))


def _with_version(subject: Subject, number: int) -> Subject:
    """The subject with one more version: no number of a version that is still known, deleted or not, is given again."""
    version = max((each.version for each in subject.versions), default=0) + 1
    return subject.model_copy(update={"versions": (*subject.versions, SubjectVersion(version=version, number=number))})


def _check_name(subject: str) -> None:
    if not subject or len(subject) > _LONGEST_NAME or subject.startswith(":") or not subject.isprintable() or subject != subject.strip():
        raise invalid_subject(subject[:_LONGEST_NAME])


def _earlier(known: Registered, subject: str, but: Collection[int] = ()) -> list[Earlier]:
    there = known.subjects.get(subject)
    living: Iterable[SubjectVersion] = (each for each in (there.versions if there is not None else ())
                                        if not each.deleted and each.number not in but)
    return [(each.version, known.complete_version(each.number)) for each in living]


def _check_going(known: Registered, subject: str, version: SubjectVersion, permanent: bool) -> None:
    if use := known.held(subject, version.number):
        raise in_use(subject, version.version, str(use))
    if by := known.referring(subject, version.version, deleted=permanent):
        raise referenced(subject, version.version, by)


def _without_level(there: Subject, versions: tuple[SubjectVersion, ...]) -> Subject:
    """The subject after a deletion. With its last living version goes its level, as Confluent has it."""
    level = there.level if any(not each.deleted for each in versions) else None
    return there.model_copy(update={"versions": versions, "level": level})
