"""trial: a whole city on one machine, by one command.

Belongs here   the local Kafka, the synthetic departments with their dirt and bursts, the oracle, the rehearsal.
Never here     anything production needs.
Imports        every room.
"""
