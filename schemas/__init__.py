"""schemas: the contract. What may travel on the bus, under which name, in which shape.

Belongs here   datasets with their .avsc, rules, the codec, subscription contracts, lanes, control objects, errors.
Never here     a broker, a database, HTTP, or the decision who subscribes to what.
Imports        none of our rooms; every room may import this one.
"""
