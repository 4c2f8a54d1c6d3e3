"""Two hundred clients on a mass upgrade of a thousand devices."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from stack.project import wait_for

pytestmark = [pytest.mark.usefixtures("project"), pytest.mark.real_clock]
CLIENTS, OPERATIONS = 200, 1000
# patience, not a limit: it takes two minutes alone, and is not run alone
SECONDS = 1200
NO_RETRY = {"max_retries": 0, "retry_backoff": 1, "retry_backoff_max": 1}


def batch_of(firmware, owner):
    """Returns a launched batch of devices that refuse every connection."""
    from django.utils import timezone
    from stack import inventory
    from swapper import load_model as load_any_model

    from openwisp_firmware_upgrader.swapper import load_model

    device_model = load_any_model("config", "Device")
    connection_model = load_any_model("connection", "DeviceConnection")
    devices = []
    for number in range(OPERATIONS):
        pk = uuid4()
        devices.append(
            device_model(
                id=pk,
                name=f"crowd-{number}",
                organization=owner,
                mac_address=f"02:00:00:01:{number // 256:02x}:{number % 256:02x}",
                model=inventory.MODEL,
                key=pk.hex,
                management_ip="127.0.0.9",
            )
        )
    device_model.objects.bulk_create(devices)
    # nothing listens at this port
    login = inventory.credentials(owner, 9)
    connection_model.objects.bulk_create(
        connection_model(
            device=device,
            credentials=login,
            update_strategy=inventory.STRATEGY,
            enabled=True,
        )
        for device in devices
    )
    batch = load_model("BatchUpgradeOperation").objects.create(
        build=firmware.new_build, status="in-progress", launched=True
    )
    model = load_model("UpgradeOperation")
    model.objects.bulk_create(
        model(
            device=device,
            image=firmware.new,
            batch=batch,
            next_run_at=timezone.now(),
        )
        for device in devices
    )
    return batch


@pytest.mark.long
def test_everybody_hears_of_the_end(project, web):
    from stack import inventory

    from . import people

    owner = inventory.organization("Crowd")
    batch = batch_of(inventory.Firmware(owner, name="crowd"), owner)
    cookie = people.cookie_of(
        people.user("crowd", organization=owner, group="Operator")
    )
    address = web.url.replace("http", "ws", 1)
    url = f"{address}/ws/firmware-upgrader/batch-upgrade-operation/{batch.pk}/"
    program = Path(__file__).parent / "crowd.py"
    arguments = [url, cookie, str(CLIENTS), str(SECONDS)]
    crowd = subprocess.Popen(
        [sys.executable, str(program), *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert crowd.stdout.readline() == "ready\n"
        project.worker(slots=4, FIRMWARE_RETRY_OPTIONS=json.dumps(NO_RETRY))

        def ended():
            batch.refresh_from_db()
            return batch.status == "failed"

        wait_for(ended, "the end of the mass upgrade", SECONDS, every=1)
        output = json.loads(crowd.stdout.readline())
    finally:
        crowd.kill()
        project.stop_workers()
    kinds = Counter(line.partition(": ")[2] for line in output["lost"])
    print(f"all told after {output['seconds']} s, connections lost: {dict(kinds)}")
    assert Counter(output["told"].values()) == {"failed": CLIENTS}
