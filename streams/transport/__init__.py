"""streams/transport: chunks of records in, whole transactions out, under Faust's app and agents.

Belongs here   the consumer thread, positions and generations, the transaction, the plug-in for `faust.transports`.
Never here     what a record means, a rule, a scope, the plan's making.
Imports        schemas, wire, and of streams the words of a chunk and its memory.
"""
