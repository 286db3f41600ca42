"""Questions to the store from the server's loop: each in one of a few threads, each thread with a store of its own.

A store that failed is opened anew for the next question, so ClickHouse may come and go.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ledger.settings import LedgerSettings
from ledger.store import Store
from schemas.errors import BusError, RetryError
from schemas.text import Text

__all__ = ["Questions"]

#: Questions answered at the same time, and those that may wait besides: memory stays bounded whoever asks.
_THREADS = 2
_WAITING = 32

T = TypeVar("T")


class Questions:
    """Runs `question(store)`; any number of callers."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="question")
        self._own = threading.local()
        self._stores: list[Store] = []
        self._asked = 0

    async def ask(self, question: Callable[[Store], T]) -> T:
        """The answer. A RetryError when too many are asking, or ClickHouse is away."""
        if self._asked >= _THREADS + _WAITING:
            raise RetryError(Text("同时查询的人太多", "too many questions at the same time"),
                             advice=Text("过几秒再试", "try again in some seconds"))
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, question)
        finally:
            self._asked -= 1

    def close(self) -> None:
        """Let the questions under way end, and go."""
        self._pool.shutdown(cancel_futures=True)
        for store in self._stores:
            store.close()

    def _answer(self, question: Callable[[Store], T]) -> T:
        store: Store | None = getattr(self._own, "store", None)
        if store is None:
            store = Store(self._settings)
            store.open()
            self._own.store = store
            self._stores.append(store)
        try:
            return question(store)
        except BusError:
            self._own.store = None
            with contextlib.suppress(ValueError):
                self._stores.remove(store)
            store.close()
            raise
