"""The keeper ends what would wait for ever."""

from __future__ import annotations

import socket
import threading
import time
from types import SimpleNamespace
from unittest import mock

from django.test import TransactionTestCase, tag
from openwisp_controller.connection.exceptions import NoWorkingDeviceConnectionError
from paramiko import transport as paramiko_transport
from swapper import load_model as load_any_model

from ..engine.connections import open_connection
from ..state import keeper, leases
from ..state.run import Run
from ..upgraders.openwrt import ssh
from .devices import FakeDeviceMixin

DeviceConnection = load_any_model("connection", "DeviceConnection")


class Silent:
    """A server that says it speaks SSH, and nothing more."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.accepted = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _address = self.listener.accept()
            except OSError:
                return
            self.accepted.append(client)
            client.sendall(b"SSH-2.0-dropbear_2022.83\r\n")

    def stop(self):
        self.listener.close()
        for client in self.accepted:
            client.close()


@tag("real_clock")
class TestConnecting(FakeDeviceMixin, TransactionTestCase):
    def test_a_clock_that_stands_still_holds_nobody(self):
        """Chaos seed 141."""
        server = Silent()
        self.addCleanup(server.stop)
        device, image = self._environment()
        device.management_ip = "127.0.0.1"
        connection = device.deviceconnection_set.get()
        connection.params = {"port": server.port}
        DeviceConnection.objects.filter(pk=connection.pk).update(
            params=connection.params
        )
        operation = self._operation(device, image)
        number = leases.claim(operation.pk, seconds=60)
        run = Run(operation, number, limit=60, lease=60, is_watched=True)
        standing = SimpleNamespace(
            **{**vars(time), "time": lambda: 1_000_000.0, "sleep": time.sleep}
        )
        no_patience = mock.patch.object(keeper, "_patience_with", return_value=0.5)
        with (
            mock.patch.object(paramiko_transport, "time", standing),
            no_patience,
            keeper.running(run),
            self.assertRaises(NoWorkingDeviceConnectionError),
        ):
            began = time.monotonic()
            open_connection(run, device)
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(len(server.accepted), 1)
        self.assertIsNone(run.stop.reason)
        self.assertIsNone(run.connected_by)
        connection.refresh_from_db()
        self.assertIs(connection.is_working, False)

    def test_patience_grows_with_the_addresses(self):
        one, two = (
            mock.Mock(get_addresses=mock.Mock(return_value=["192.0.2.1"] * number))
            for number in (1, 2)
        )
        self.assertGreater(keeper._patience_with(one), 60)
        self.assertEqual(keeper._patience_with(two), 2 * keeper._patience_with(one))


class TestIdleLinks(TransactionTestCase):
    def test_tcp_asks_idle_links_itself(self):
        with socket.socket() as sock:
            transport = mock.Mock(sock=sock)
            shell = mock.Mock(get_transport=mock.Mock(return_value=transport))
            ssh.bound(mock.Mock(shell=shell))
            self.assertTrue(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
            names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
            found = [
                sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in names
            ]
        idle, every, times = found
        self.assertLess(idle + every * times, 15)
