"""What a new version of a dataset must hold: it reads every earlier one, its key stays, and no live subscription breaks.

Pure, for `compile`; every problem at once, in words, with the field's path.
"""

from collections.abc import Iterator, Mapping

from governance.registry.changes import check_besides
from governance.registry.registered import Candidate, Registered
from schemas.codec import EventScanner
from schemas.contract import event_schema, in_current_names, output_schema, row_of
from schemas.control import Dataset, DatasetVersion, SchemaText, Subscription
from schemas.errors import RejectError
from schemas.evolution import current_names, row_misfits
from schemas.text import Text
from schemas.tree import tree

__all__ = ["breaking", "check_next", "check_registered", "next_version", "written_otherwise"]

Schemas = Mapping[int, SchemaText]


def next_version(old: Dataset | None, event: int) -> tuple[int, tuple[DatasetVersion, ...]]:
    """The version of a dataset whose events have this schema now, and the earlier ones."""
    if old is None:
        return 1, ()
    if old.event_schema == event:
        return old.version, old.versions
    # A shape that comes back is the present one again, no longer an earlier one.
    earlier = (*old.versions, DatasetVersion(version=old.version, event_schema=old.event_schema))
    return old.version + 1, tuple(version for version in earlier if version.event_schema != event)


def written_otherwise(known: Registered, subject: str, text: str) -> int | None:
    """The id under which a subject has this schema, letter by letter or in other words: with the keys in another order.

    What it takes a reference to understand is not it: workers read a text alone.
    """
    found = known.lookup(subject, Candidate(text)) or known.lookup(subject, Candidate(text), normalise=True)
    return found.number if found is not None and not known.schemas[found.number].references else None


def check_registered(known: Registered, subject: str, text: str, old: Dataset | None) -> Iterator[Text]:
    """Why the registry would not take it, by the versions that others registered and the subject's level.

    That it reads the dataset's own earlier versions is `check_next`'s to say.
    """
    own = {old.event_schema, *(version.event_schema for version in old.versions)} if old is not None else set()
    if subject in known.subjects and written_otherwise(known, subject, text) is None:
        try:
            problems = check_besides(known, subject, Candidate(text), own)
        except RejectError as error:
            yield error.problem
            return
        for problem in problems:
            yield Text(f"与主题 {subject} 已登记的版本不相容（不再需要的版本可在模式登记中删除）：{problem}",
                       f"it does not fit what is registered under {subject} (a version nobody needs can be deleted there): {problem}")


def check_next(old: Dataset, new: Dataset, schemas: Schemas) -> Iterator[Text]:
    """Why `new` cannot follow `old`; a schema that is none is not this one's business."""
    try:
        yield from _unread(old, new, schemas)
        yield from _other_key(old, new)
    except RejectError:
        return


def _unread(old: Dataset, new: Dataset, schemas: Schemas) -> Iterator[Text]:
    """What keeps it from reading an earlier version, each reason once with the versions it holds for."""
    found: dict[Text, list[str]] = {}
    for version, row in _rows(old, schemas):
        for one in row_misfits(new.row_schema, row):
            found.setdefault(one.problem, []).append(str(version))
    for problem, versions in found.items():
        yield Text(f"读不了版本 {'、'.join(versions)} 的数据。{problem.zh}", f"it cannot read version {', '.join(versions)}: {problem.en}")


def _rows(dataset: Dataset, schemas: Schemas) -> Iterator[tuple[int, str]]:
    """Every version of a dataset with the schema of its rows, the present one last."""
    for version in dataset.versions:
        if version.event_schema in schemas:
            yield version.version, row_of(schemas[version.event_schema].text)
    yield dataset.version, dataset.row_schema


def _other_key(old: Dataset, new: Dataset) -> Iterator[Text]:
    """A record's key is its name on every lane and in every receiver's table."""
    names = current_names(new.row_schema)
    kept = tuple(names.get(name, name) for name in old.key)
    if kept != new.key:
        yield Text(f"主键由 {'、'.join(old.key)} 改为 {'、'.join(new.key)}；主键不能变，改名须写 aliases",
                   f"its key changes from {', '.join(old.key)} to {', '.join(new.key)}; a key stays, a renamed field needs `aliases`")
        return
    before = {part.name: part.kind for part in tree(old.row_schema).parts}
    after = {part.name: part.kind for part in tree(new.row_schema).parts}
    for was, name in zip(old.key, kept, strict=True):
        mine, theirs = after.get(name), before.get(was)
        if mine is None or theirs is None:
            continue
        if (mine.kind, mine.logical) != (theirs.kind, theirs.logical) or not {*theirs.symbols} <= {*mine.symbols}:
            yield Text(f"主键字段 {name} 的类型改变了；主键的类型不能变", f"the type of key field {name} changed; that of a key stays")


def breaking(old: Dataset, new: Dataset, subscription: Subscription, schemas: Schemas) -> Iterator[Text]:
    """What would break a live subscription that `check_subscription` finds nothing wrong with: what it was given and what it
    would be given do not go together."""
    present = row_of(output_schema(new, subscription))
    found: dict[Text, None] = {}
    for _, row in _rows(old, schemas):
        was = old.model_copy(update={"row_schema": row})
        try:
            given = row_of(output_schema(was, subscription))
        except (KeyError, RejectError):
            continue  # granted later
        found |= dict.fromkeys(one.problem for one in row_misfits(present, given))
        found |= dict.fromkeys(_other_hashes(was, new, subscription))
    for problem in found:
        yield Text(f"已交付的与将交付的不相容。{problem.zh}",
                   f"what it was given and what it would be given do not go together: {problem.en}")


def _other_hashes(was: Dataset, new: Dataset, subscription: Subscription) -> Iterator[Text]:
    """The same bytes read as text and as bytes have two hashes: a record would come back under another pseudonym."""
    hidden = [name for name, mask in subscription.masks.items() if mask.kind == "hmac"]
    if not hidden:
        return
    kinds = []
    for dataset in (was, new):
        scanner = EventScanner(event_schema(dataset.id, dataset.row_schema), dataset.event_schema)
        current = in_current_names(subscription.model_copy(update={"fields": tuple(hidden), "masks": {}, "scope": ()}), dataset)
        kinds.append([scanner.field(scanner.index[name]).kind for name in current.fields])
    for name, before, after in zip(hidden, *kinds, strict=True):
        if {before, after} == {"text", "bytes"}:
            yield Text(f"字段 {name} 由 {before} 变为 {after}：同一个值的 hmac 会变",
                       f"field {name} turns from {before} to {after}: the hmac of a value would change")
