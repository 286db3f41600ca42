"""connectors: the edge. What departments' systems hand to the bus, and what receiving systems take from it.

Belongs here   sources and sinks, their configuration and checks, the runners that give them exactly-once, their suite.
Never here     cleaning, routing, a rule about values, a decision who gets what.
Imports        schemas and wire.
"""
