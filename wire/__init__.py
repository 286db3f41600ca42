"""wire: everything that is said to Kafka outside the stream transport.

Belongs here   client settings and security, publishers, readers, the control plane's reader and writer, provisioning.
Never here     what the bytes mean, a decision, a loop that runs for ever. No confluent type leaves this room.
Imports        schemas.
"""
