"""`shutong apply` after it has written: what it waits for, and what it then says an operator may rely on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.commands import applying, through_serve
from governance.apply import Applied
from governance.diff import Line
from governance.settling import Standing

ALL = Standing(("h-1", "h-2"), (), ())
BEHIND = Standing(("h-1", "h-2"), ("h-2",), ())
NEW = Standing(("h-1",), (), ("raw.edu",))
NOBODY = Standing((), (), ("raw.edu",))

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, shutong: Callable[..., object], tmp_path: Path) -> Run:
    """`shutong apply` where the workers stand like this, look after look; what it said."""

    def ran(*looks: Standing | type[BaseException], more: tuple[str, ...] = (), written: bool = True) -> tuple[int, str]:
        def standings(*_: object) -> Iterator[Standing]:
            for look in looks:
                if not isinstance(look, Standing):
                    raise look
                yield look
            raise AssertionError("it looked more often than it should")

        lines = [Line("-", "subscriptions", "tax.health.resident")] if written else []
        monkeypatch.setattr(applying, "standings", standings)
        monkeypatch.setattr(applying, "connect", lambda home: None)
        monkeypatch.setattr(through_serve, "apply", lambda *_, **__: Applied(7, lines, written))
        monkeypatch.setattr(through_serve, "preview", lambda *_: lines)
        done = shutong("--lang", "en", "apply", str(tmp_path), *more, "--home", str(tmp_path))
        return done.code, done.err  # type: ignore[attr-defined]

    return ran


def test_it_waits_until_every_worker_has_the_version(run: Run) -> None:
    code, said = run(BEHIND, BEHIND, NEW, ALL, more=("--yes",))
    assert code == 0
    assert said.splitlines()[:3] == ["plan version 7 is written", "waiting for h-2 (Ctrl-C ends the wait)",
                                     "waiting for raw.edu (Ctrl-C ends the wait)"]
    assert said.splitlines()[3:] == ["version 7 is in force: h-1, h-2"]


def test_a_worker_that_lags_is_named_with_what_it_means(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "_PATIENCE", -1)
    code, said = run(BEHIND, more=("--yes",))
    assert code == 0
    assert "version 7 has not reached h-2: until then they deliver by the old plan, revoked subscriptions too" in said
    assert "in force" not in said


def test_without_workers_it_says_so_and_does_not_wait(run: Run) -> None:
    assert run(NOBODY, more=("--yes",))[1].endswith("no worker runs; they will begin by version 7\n")


def test_until_settled_it_waits_for_workers_to_come(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "_PATIENCE", -1)
    code, said = run(NOBODY, NOBODY, NEW, ALL, more=("--yes", "--settle"), written=False)
    assert code == 0
    assert said.splitlines()[-1] == "waiting for raw.edu (Ctrl-C ends the wait)"


def test_a_person_may_end_the_wait(run: Run) -> None:
    code, said = run(BEHIND, KeyboardInterrupt, more=("--yes",))
    assert code == 130
    assert said.endswith("no longer waiting; the plan that was written stays\n")


def test_without_a_difference_it_does_not_ask_but_finishes_what_was_left_undone(run: Run) -> None:
    code, said = run(ALL, written=False)
    assert (code, said) == (0, "nothing to change\n")
    code, said = run(BEHIND, ALL, written=False)
    assert "waiting for h-2" in said


def test_a_dry_run_looks_at_no_worker(run: Run) -> None:
    assert run(more=("--dry-run",))[0] == 0
