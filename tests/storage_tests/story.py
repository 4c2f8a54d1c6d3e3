"""What an image goes through, told as JSON; one process per kind of storage.

``python -m storage_tests.story NAME`` reads JSON from its input.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import django


def prepare(given):
    """Makes the bucket, the firmware and the devices of the fleet."""
    from django.conf import settings
    from stack import inventory

    if hasattr(settings, "AWS_PRIVATE_S3_ENDPOINT_URL"):
        storage().connection.create_bucket(
            Bucket=settings.AWS_PRIVATE_STORAGE_BUCKET_NAME,
            CreateBucketConfiguration={
                "LocationConstraint": settings.AWS_PRIVATE_S3_REGION_NAME
            },
        )
    firmware = inventory.Firmware(inventory.organization("Storage"), name="storage")
    login = inventory.credentials(firmware.category.organization, given["port"])
    devices = []
    for row in given["devices"]:
        owner = firmware.category.organization
        device = inventory.device(owner, row["uuid"], row["address"], row["uuid"])
        inventory.connect(device, login)
        inventory.pair(device, firmware.old)
        devices.append(device.pk)
    old = {"image": firmware.old.pk, "name": firmware.old.file.name}
    return {"image": firmware.new.pk, "devices": devices, "old": old}


def storage():
    """Returns the storage of images."""
    from openwisp_firmware_upgrader.swapper import load_model

    return load_model("FirmwareImage").file.field.storage


def image_of(given):
    """Returns the image."""
    from openwisp_firmware_upgrader.swapper import load_model

    return load_model("FirmwareImage").objects.get(pk=given["image"])


def upload(given):
    """Replaces the file of the image by one of the given size."""
    from django.core.files import File

    from openwisp_firmware_upgrader.testing import write_image

    image = image_of(given)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.bin"
        write_image(path, given["size"], version="2.0", revision="r2", seed=1)
        with path.open("rb") as content:
            image.file.save(given["name"], File(content), save=False)
            image.save()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "name": image.file.name,
        "url": image.file.url,
        "sha256": digest,
        "checksum": image.checksum,
        "size": image.size,
        "stored": storage().size(image.file.name),
    }


def start(given):
    """Starts an upgrade of a device."""
    from stack import inventory
    from swapper import load_model

    device = load_model("config", "Device").objects.get(pk=given["device"])
    return {"operation": inventory.start(device, image_of(given)).pk}


def end(given):
    """Waits for the end of an operation and returns it."""
    from stack.project import wait_for

    from openwisp_firmware_upgrader.swapper import load_model

    rows = load_model("UpgradeOperation").objects.filter(pk=given["operation"])
    ended = rows.exclude(status="in-progress").values("status", "log")
    return wait_for(ended.first, "the end of the upgrade", 240, every=0.5)


def download(given):
    """Downloads the image as a superuser, and tries it as nobody."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client()
    url = given["url"]
    refused = client.get(url).status_code
    admin = get_user_model().objects.create_superuser(
        given["user"], f"{given['user']}@example.com", "x"
    )
    client.force_login(admin)
    response = client.get(url)
    digest = hashlib.sha256()
    pieces = response.streaming_content if response.streaming else [response.content]
    largest = 0
    for piece in pieces:
        digest.update(piece)
        largest = max(largest, len(piece))
    return {
        "refused": refused,
        "status": response.status_code,
        "headers": dict(response.headers),
        "sha256": digest.hexdigest(),
        "largest": largest,
    }


def exists(given):
    """Tells whether the storage has a file."""
    return storage().exists(given["name"])


def deletion(given):
    """Waits until the storage does not have a file any more."""
    from stack.project import wait_for

    wait_for(lambda: not exists(given), "the deletion of the file", 60, every=0.5)


def delete_image(given):
    """Deletes the image."""
    image_of(given).delete()


def delete_build(given):
    """Deletes the build of the image, whose files the worker deletes."""
    image_of(given).build.delete()


STEPS = {
    step.__name__: step
    for step in (
        prepare,
        upload,
        start,
        end,
        download,
        exists,
        deletion,
        delete_image,
        delete_build,
    )
}

if __name__ == "__main__":
    django.setup()
    text = sys.stdin.read()
    print(json.dumps(STEPS[sys.argv[1]](json.loads(text)), default=str))
