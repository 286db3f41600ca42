"""The oracle: recomputes from raw, by a slow separate way, what every lane, the books and the sinks must hold.

Imports fastavro and the standard library only, so that no mistake of the bus can be its own witness. It gets records as
tuples, the control objects as plain JSON and the secret; it tells examples by position, never by value.
"""

from trial.oracle.judge import HOPS, Hop, Verdict, judge
from trial.oracle.records import Record

__all__ = ["HOPS", "Hop", "Record", "Verdict", "judge"]
