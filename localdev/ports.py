"""Ports of the local stack."""

from __future__ import annotations

import secrets
import socket

from shared.errors import LandfallError

# Below the ports that Linux (32768) and macOS (49152) give to outgoing connections: while a process is stopped, no
# client can be handed its port, so that it can come back on it.
RANGE = range(20000, 32768)
_TRIES = 50


class NoFreePort(LandfallError):
    """Every port that was tried is taken."""


def random_ports(number: int) -> list[int]:
    """Return different ports that may be free: only who binds one can tell."""
    return secrets.SystemRandom().sample(RANGE, number)


def free_port(preferred: int | None = None) -> int:
    """Return the port that people expect, or any free one when somebody has it; raises NoFreePort."""
    for port in [*([preferred] if preferred else []), *random_ports(_TRIES)]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NoFreePort("There is no free port on 127.0.0.1.")
