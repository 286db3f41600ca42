"""Ports for servers that start later: nobody else gets them meanwhile."""

import socket

from trial.kafka.ports import draw_port, is_free


def test_no_port_is_given_twice_and_none_that_an_outgoing_connection_could_take() -> None:
    drawn = [draw_port() for _ in range(500)]
    assert len(set(drawn)) == 500
    assert min(drawn) >= 20000
    assert max(drawn) < 32000


def test_a_port_somebody_listens_on_is_not_free() -> None:
    port = draw_port()
    assert is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
