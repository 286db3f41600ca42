"""A registry without Kafka: steps are carried out on a plan, as the control writer would."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from governance.registry.avro_text import canonical
from governance.registry.changes import Outcome
from governance.registry.registered import Candidate, Registered
from schemas.control import Plan, SchemaReference, SchemaText, Subject

A = TypeVar("A")


class World:
    """A plan that steps change; `known` is what is registered now."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan or Plan()

    @property
    def known(self) -> Registered:
        return Registered(self.plan)

    def do(self, step: Callable[[Registered], Outcome[A]]) -> A:
        """Carry out a step; nothing is written, and no version made, when it has nothing to write."""
        answer, objects = step(self.known)
        if objects:
            schemas = {each.number: each for each in objects if isinstance(each, SchemaText)}
            subjects = {each.id: each for each in objects if isinstance(each, Subject)}
            assert len(schemas) + len(subjects) == len(objects)
            self.plan = replace(self.plan, version=self.plan.version + 1, schemas={**self.plan.schemas, **schemas},
                                subjects={**self.plan.subjects, **subjects})
        return answer


def candidate(name: str = "Thing", *references: SchemaReference, **fields: object) -> Candidate:
    """A record with these fields; one with a default is given as (type, default)."""
    made = [{"name": field, "type": kind[0], "default": kind[1]} if isinstance(kind, tuple) else {"name": field, "type": kind}
            for field, kind in fields.items()]
    return Candidate(canonical(json.dumps({"type": "record", "name": name, "namespace": "n", "fields": made})), references)
