"""The size of an image does not show in the memory of a worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from stack.processes import descendants
from stack.project import BOOT, wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of, write_image

pytestmark = pytest.mark.usefixtures("project")
MIB = 1024 * 1024
IMAGE, ALLOWED = 200 * MIB, 20 * MIB


def peak_of(pid: int) -> int:
    """Returns the largest resident set, in bytes, of a process tree's processes."""
    peaks = []
    for each in descendants(pid):
        for line in Path(f"/proc/{each}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                peaks.append(int(line.split()[1]) * 1024)
    return max(peaks)


def big_image(firmware, folder: Path):
    """Gives the new build an image of 200 MB, streamed all the way."""
    from django.core.files import File

    path = folder / "big.bin"
    options = {"version": "2.0", "revision": "r2", "seed": 1}
    write_image(path, IMAGE, **options)
    image = firmware.new
    with path.open("rb") as content:
        image.file.save("big.bin", File(content), save=False)
        image.save()
    return image


def upgrade(device, image):
    """Upgrades a device and returns the ended operation."""
    from stack import inventory

    operation = inventory.start(device, image)
    rows = type(operation).objects.filter(pk=operation.pk)
    wait_for(rows.exclude(status="in-progress").exists, "the end", 120, 0.2)
    return rows.get()


def test_image_of_200_megabytes(project, tmp_path):
    from stack import inventory

    firmware = inventory.Firmware(inventory.organization("Big"), name="big")
    owner = firmware.category.organization
    with FleetProcess(
        devices=2,
        boot_time=BOOT,
        release=release_of(*inventory.OLD),
        mem_available_kib=1024 * 1024,
        tmp_size_kib=512 * 1024,
    ) as fleet:
        first, second = inventory.register(owner, fleet, firmware.old)
        worker = project.worker(slots=2)
        # what every upgrade needs is loaded once
        assert upgrade(first, firmware.new).status == "success"
        before = peak_of(worker.process.pid)
        image = big_image(firmware, tmp_path)
        assert image.size == IMAGE
        ended = upgrade(second, image)
        after = peak_of(worker.process.pid)
        report = fleet.device(second.pk)
    project.stop_workers()
    assert ended.status == "success", ended.log
    assert report.flashes[0].size == IMAGE
    assert after - before < ALLOWED, f"{(after - before) / MIB:.1f} MiB more"
