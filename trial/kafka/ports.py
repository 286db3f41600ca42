"""Ports on 127.0.0.1 for servers that start a while later: brokers, PostgreSQL, the processes of a bus, and the tests' own.

They lie below the range systems give to outgoing connections: one of those could take a port before its server listens.
"""

import secrets
import socket

__all__ = ["draw_port", "is_free"]

_PORTS = range(20000, 32000)
_drawn: set[int] = set()


def draw_port(but: int | None = None) -> int:
    """A free port, never one that this process was given before: who has it may not listen yet."""
    while (port := secrets.choice(_PORTS)) in _drawn or port == but or not is_free(port):
        pass
    _drawn.add(port)
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
