"""streams: the middle. From raw to clean to deliver: transport, agents, the pure clean and route functions, the plan.

Belongs here   chunks, fates, scopes, memory per partition, transactions, the Kafka transport for Faust.
Never here     a department's own format, SQL, pages, the decision who subscribes to what.
Imports        schemas, wire.
"""
