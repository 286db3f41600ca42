"""ledger: the books. What every stage counted, kept in ClickHouse, added up, balanced and answered over HTTP.

Belongs here   the recorder, the auditor, ClickHouse tables and queries, volume, peaks, books, latency.
Never here     a transaction of somebody else's, a page, a figure that cannot be computed again from tallies.
Imports        schemas, wire.
"""
