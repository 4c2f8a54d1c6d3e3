"""A quick look whether a device is there, before a connection is opened."""

from __future__ import annotations

import socket

from openwisp_controller.connection.connectors.ssh import Ssh

from ..protocols import DeviceConnection

PROBE_TIMEOUT = 2
SSH_PORT = 22


def answers(connection: DeviceConnection) -> bool:
    """Tells whether the SSH port of a device accepts a TCP connection.

    Connectors other than SSH are taken to answer.
    """
    connector = connection.connector_instance
    if not isinstance(connector, Ssh):
        return True
    port = connection.get_params().get("port", SSH_PORT)
    return any(_accepts(address, port) for address in connection.get_addresses())


def _accepts(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=PROBE_TIMEOUT).close()
    except OSError:
        return False
    return True
