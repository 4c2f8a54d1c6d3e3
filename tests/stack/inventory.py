"""An organization, firmware and simulated devices as rows of the database.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from openwisp_users.models import Organization
from swapper import load_model as load_any_model

from openwisp_firmware_upgrader.swapper import load_model
from openwisp_firmware_upgrader.testing import make_image, release_of

IMAGE_TYPE = "ath79-generic-tplink_tl-wdr4300-v1-squashfs-sysupgrade.bin"
MODEL = "TP-Link TL-WDR4300 v1"
STRATEGY = "openwisp_controller.connection.connectors.openwrt.ssh.OpenWrt"
OLD, NEW = ("1.0", "r1"), ("2.0", "r2")
IMAGE_SIZE = 256 * 1024
CLOSED_PORT = 9


def organization(name: str = "Demo"):
    """Returns the organization of this name, made when it is missing."""
    found, _ = Organization.objects.get_or_create(name=name, slug=name.lower())
    return found


class Firmware:
    """A category with the builds 1.0 and 2.0, one image each.

    Arguments:
        owner: the organization, None shares the category.
        size: of an image in bytes.
        image_options: further arguments of ``testing.make_image``.
    """

    def __init__(self, owner, name="WDR4300", size=IMAGE_SIZE, **image_options):
        self.category = load_model("Category").objects.create(
            name=name, organization=owner
        )
        self.old_build, self.old = self._build(OLD, size, image_options)
        self.new_build, self.new = self._build(NEW, size, image_options)

    def _build(self, release, size, image_options):
        version, revision = release
        build = load_model("Build").objects.create(
            category=self.category, version=version, os=release_of(*release)
        )
        options = {"seed": 1, "version": version, "revision": revision}
        content = make_image(size, **{**options, **image_options})
        image = load_model("FirmwareImage")(build=build, type=IMAGE_TYPE)
        image.file.save(f"{version}.bin", ContentFile(content), save=False)
        image.full_clean()
        image.save()
        return build, image


def credentials(owner, port: int):
    """Returns SSH credentials for all simulated devices behind one port."""
    return load_any_model("connection", "Credentials").objects.create(
        # a port is free again once its fleet has ended
        name=f"Fleet {port} {uuid4().hex[:8]}",
        organization=owner,
        connector="openwisp_controller.connection.connectors.ssh.Ssh",
        params={"username": "root", "password": "password", "port": port},
        auto_add=False,
    )


def device(owner, uuid, address: str, name: str):
    """Returns a new device of the model that all images here fit."""
    uuid = UUID(str(uuid))
    pairs = uuid.hex[:10]
    mac = ":".join(["02", *(pairs[at : at + 2] for at in range(0, 10, 2))])
    return load_any_model("config", "Device").objects.create(
        id=uuid,
        name=name,
        organization=owner,
        mac_address=mac,
        model=MODEL,
        os=release_of(*OLD),
        management_ip=address,
    )


def connect(to, with_credentials):
    """Returns a new SSH connection of a device."""
    return load_any_model("connection", "DeviceConnection").objects.create(
        device=to,
        credentials=with_credentials,
        update_strategy=STRATEGY,
        enabled=True,
    )


def register(owner, fleet, image, names=None):
    """Registers all devices of a fleet as running an image.

    Arguments:
        owner: their organization.
        fleet: the running fleet.
        image: the firmware image they run.
        names: one name for each, None numbers them.

    Returns the devices in the order of the fleet.
    """
    login = credentials(owner, fleet.port)
    found = []
    for row in fleet.addresses():
        name = names[row["index"]] if names else f"device-{row['index']}"
        added = device(owner, row["uuid"], row["address"], name)
        connect(added, login)
        pair(added, image)
        found.append(added)
    return found


def register_unreachable(firmware, number: int) -> None:
    """Inserts rows of devices that run the old image and that nobody can reach.

    Nobody listens at their port: a connection to them fails at once.

    Arguments:
        firmware: the ``Firmware`` they run.
        number: how many devices.
    """
    owner = firmware.category.organization
    login = credentials(owner, CLOSED_PORT)
    model = load_any_model("config", "Device")
    devices = model.objects.bulk_create(
        model(
            id=uuid4(),
            name=f"{owner.name}-{index}",
            organization=owner,
            mac_address="06:" + uuid4().bytes[:5].hex(":"),
            model=MODEL,
            key=uuid4().hex,
            management_ip="127.0.0.1",
        )
        for index in range(number)
    )
    connection = load_any_model("connection", "DeviceConnection")
    connection.objects.bulk_create(
        connection(
            device=each, credentials=login, update_strategy=STRATEGY, enabled=True
        )
        for each in devices
    )
    row = load_model("DeviceFirmware")
    row.objects.bulk_create(
        row(device=each, image=firmware.old, installed=True) for each in devices
    )


def pair(with_device, image):
    """Notes that a device runs an image, starting no upgrade."""
    model = load_model("DeviceFirmware")
    model.objects.filter(device=with_device).delete()
    row = model(device=with_device, image=image, installed=True)
    try:
        with transaction.atomic():
            row.save(upgrade=False)
    except IntegrityError:
        # a worker has paired the new device meanwhile
        return pair(with_device, image)
    return row


def start(on_device, image, batch=None, **values):
    """Starts an upgrade as the admin does; returns its operation."""
    row = load_model("DeviceFirmware").objects.get(device=on_device)
    row.image = image
    row.full_clean()
    row.save(batch=batch, upgrade=True, **values)
    return (
        load_model("UpgradeOperation")
        .objects.filter(device=on_device)
        .latest("created")
    )
