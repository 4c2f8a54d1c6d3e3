"""Signals of the app.

``firmware_upgrader_log_updated``: ``sender`` (the UpgradeOperation class),
``instance``, ``line`` (the new line only), sent after the line was stored.

``upgrade_operation_recorded``: ``sender``, ``instance``, ``changed`` (names of
the fields the engine just stored), ``lines`` (the new log lines), sent after
each committed write of the engine; used to publish live events.

``mass_upgrade_finished``: ``sender`` (the BatchUpgradeOperation class),
``instance``; sent on commit, once, when nothing of it is in progress any more.

``upgrade_half_ending``: ``sender``, ``instance``; sent before the lease of an
operation is released, so that what was published so far can go out in order.
"""

from django.dispatch import Signal

firmware_upgrader_log_updated = Signal()
upgrade_operation_recorded = Signal()
mass_upgrade_finished = Signal()
upgrade_half_ending = Signal()
