"""The feed of snapshots: closed by a signal at any moment, in the thread that follows, it ends whoever follows."""

import asyncio
import sys
import threading
from types import FrameType
from typing import Any

from console.serve.feed import Feed


class Follower:
    """One who follows a feed in a thread of its own; at the line `number` that runs there, a signal closes the feed."""

    def __init__(self, number: int) -> None:
        self.lines, self.got = 0, list[bytes]()
        self._feed, self._number = Feed(), number
        self._feed.publish(b"newest")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ends(self) -> bool:
        self._thread.join(5)
        return not self._thread.is_alive()

    def _run(self) -> None:
        sys.settrace(self._trace)
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        if not self._number:
            asyncio.get_running_loop().call_later(0.05, self._close)
        self.got = [data async for data in self._feed.follow()]

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is not Feed.follow.__code__:
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._number:
                self._close()
        return self._trace

    def _close(self) -> None:
        sys.settrace(None)
        self._number = self.lines
        self._feed.close()


def test_a_signal_at_any_line_of_a_follower_ends_it() -> None:
    undisturbed = Follower(0)
    assert undisturbed.ends()
    assert undisturbed.got == [b"newest"]
    until_it_waits = undisturbed.lines
    assert until_it_waits > 8
    for number in range(1, until_it_waits + 1):
        assert Follower(number).ends(), f"at line {number} of follow()"
