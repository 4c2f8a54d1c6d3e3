"""What the engine promises to upgraders of third parties."""

from __future__ import annotations

from django.test import SimpleTestCase

from ..engine.install import upgrade_with
from ..exceptions import DeviceRebooting


class Rebooting:
    """Hands its device over and says nothing of the time that takes."""

    RECONNECT_DELAY = 7

    def __init__(self, delay=None):
        self.delay = delay

    def upgrade(self, image):
        """Raises, as upgraders with two halves do."""
        raise DeviceRebooting("bye", delay=self.delay)


class TestCustomUpgraders(SimpleTestCase):
    def _delay_of(self, upgrader):
        with self.assertRaises(DeviceRebooting) as raised:
            upgrade_with(upgrader, None)
        return raised.exception.delay

    def test_delay_is_the_one_of_the_upgrader(self):
        self.assertEqual(self._delay_of(Rebooting()), 7)

    def test_delay_of_the_exception_goes_first(self):
        self.assertEqual(self._delay_of(Rebooting(delay=0)), 0)

    def test_upgrader_without_any_delay(self):
        upgrader = Rebooting()
        del Rebooting.RECONNECT_DELAY
        self.addCleanup(setattr, Rebooting, "RECONNECT_DELAY", 7)
        self.assertIsNone(self._delay_of(upgrader))
