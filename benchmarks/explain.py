"""How PostgreSQL answers what the engine asks all the time.

``.work/venv/bin/python benchmarks/explain.py 1000000`` fills a table with so many
operations, a thousandth of them in progress, and prints plan and time of each query.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import django  # noqa: E402 tests/ must be on the path
from stack import Project  # noqa: E402 see above

DEVICES = 2000
FILL = """
INSERT INTO firmware_upgrader_upgradeoperation
 (id, created, modified, device_id, image_id, batch_id, status, log, progress,
  upgrade_options, phase, runs, attempts, evidence, next_run_at)
SELECT gen_random_uuid(), now() - n * interval '1 second', now(), d.id, %s, %s,
       CASE WHEN n %% 1000 = 0 THEN 'in-progress' ELSE 'success' END, 'line', 100,
       '{}', CASE WHEN n %% 1000 = 0 THEN 'reboot' ELSE 'done' END, 1, 0, '{}',
       CASE WHEN n %% 1000 = 0 THEN now() + (n - 500000) * interval '1 ms' END
FROM generate_series(1, %s) AS n
JOIN (SELECT id, row_number() OVER () AS r FROM config_device) AS d
  ON d.r = n %% %s + 1
"""


def fill(number: int):
    """Inserts operations of one mass upgrade; returns one that is in progress."""
    from django.db import connection
    from stack import inventory

    from openwisp_firmware_upgrader.swapper import load_model

    firmware = inventory.Firmware(inventory.organization("Explain"))
    inventory.register_unreachable(firmware, DEVICES)
    batch = load_model("BatchUpgradeOperation").objects.create(
        build=firmware.new_build, status="in-progress", launched=True
    )
    with connection.cursor() as cursor:
        cursor.execute(FILL, [firmware.new.pk, batch.pk, number, DEVICES])
        cursor.execute("VACUUM ANALYZE")
    return batch.upgradeoperation_set.filter(status="in-progress").first()


def questions(operation) -> dict:
    """Returns the queries of the engine by what they ask."""
    from django.db.models.functions import Now

    from openwisp_firmware_upgrader.state import leases
    from openwisp_firmware_upgrader.statuses import SECOND_HALF

    running = leases.operations().filter(status="in-progress")
    free = running.filter(lease_expires_at__isnull=True, next_run_at__lte=Now())
    due = free.order_by("next_run_at").values_list("pk", "runs")
    device = {"device_id": operation.device_id}
    return {
        "proofs that are due": due.filter(phase="reboot")[:1],
        "whatever else is due": due.exclude(phase__in=SECOND_HALF)[:500],
        "leases that have expired": running.filter(lease_expires_at__lt=Now()),
        "an older operation of the device": running.filter(
            created__lt=operation.created, **device
        ).values_list("pk", flat=True)[:1],
        "is anything of the batch running": running.filter(batch=operation.batch_id)[
            :1
        ],
    }


def main(arguments: list[str]) -> None:
    """Prints the plan of every query."""
    project = Project("postgres")
    os.environ.update(project.env)
    try:
        django.setup()
        project.manage("migrate", "-v0")
        operation = fill(int(arguments[0]) if arguments else 1_000_000)
        for name, rows in questions(operation).items():
            print(f"{name}:")
            print("  " + rows.explain(analyze=True).replace("\n", "\n  ") + "\n")
    finally:
        project.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
