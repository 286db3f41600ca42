"""benchmarks: how fast the bus is, as ratios against a peer or a limit in the same run, outputs checked.

Belongs here   one module a subject, `<subject>_bench.py`, each runnable by itself: python -m benchmarks.<subject>_bench
Never here     a test, a figure without its peer, a time without a checked output.
Imports        every room.
"""
