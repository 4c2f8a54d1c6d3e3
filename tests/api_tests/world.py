"""Objects of the own organization, of a foreign one and shared ones, and who asks.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

from types import SimpleNamespace
from uuid import uuid4

from django.core.files.base import ContentFile
from openwisp_users.models import Organization, OrganizationOwner, OrganizationUser
from stack import inventory

from openwisp_firmware_upgrader.swapper import load_model

from . import people

OTHER_TYPE = "ath79-generic-tplink_tl-wdr4300-v1-il-squashfs-sysupgrade.bin"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
ROLES = (
    "anonymous",
    "no-organization",
    "member",
    "owner",
    "unpermitted",
    "operator",
    "administrator",
    "stranger",
    "superuser",
)


class World:
    """An own, a foreign and a shared build with all that hangs on them.

    Arguments:
        mark: makes names unique.
    """

    def __init__(self, mark=""):
        self.mark = mark
        self.number = 0
        names = ("own", "foreign", "third")
        self.organizations = {name: self._organization(name) for name in names}
        self.login = inventory.credentials(None, 22)
        self.targets = {
            "own": self._target("own", self.organizations["own"]),
            "foreign": self._target("foreign", self.organizations["foreign"]),
            "shared": self._target("shared", None),
        }
        self.users = self._users()

    def _organization(self, name):
        name = f"{self.mark}{name}"
        return Organization.objects.create(name=name, slug=name)

    def _target(self, name, organization):
        firmware = inventory.Firmware(organization, name=f"{self.mark}{name}")
        owner = organization or self.organizations["own"]
        # what an upgrade in progress needs cannot be deleted, the rest can
        busy = inventory.Firmware(organization, name=f"{self.mark}{name}-busy")
        # an organization has one build for each release
        load_model("Build").objects.filter(category=busy.category).update(os=None)
        batches, operations = {}, {}
        for status, used in (("in-progress", busy), ("failed", firmware)):
            batches[status] = load_model("BatchUpgradeOperation").objects.create(
                build=used.new_build, status=status, launched=True
            )
            operations[status] = self.operation(
                self.device(owner, used.old), used.new, status, batches[status]
            )
        idle = self.device(owner, firmware.old)
        return SimpleNamespace(
            organization=organization,
            category=firmware.category,
            build=firmware.new_build,
            old_image=firmware.old,
            image=firmware.new,
            device=idle,
            running=operations["in-progress"],
            failed=operations["failed"],
            running_batch=batches["in-progress"],
            failed_batch=batches["failed"],
        )

    def device(self, owner, image):
        """Returns a new device that runs an image."""
        self.number += 1
        made = inventory.device(
            owner, uuid4(), "127.0.0.9", f"{self.mark}device{self.number}"
        )
        inventory.connect(made, self.login)
        inventory.pair(made, image)
        return made

    def operation(self, device, image, status, batch=None):
        """Returns a new operation."""
        phase = "queued" if status == "in-progress" else "done"
        return load_model("UpgradeOperation").objects.create(
            device=device, image=image, status=status, phase=phase, batch=batch
        )

    def _users(self):
        own = self.organizations["own"]
        group = "Administrator"
        found = {
            "anonymous": None,
            "no-organization": self._user("none", group=group),
            "member": self._user("member", organization=own, group=group, admin=False),
            "owner": self._user("owner", group=group),
            "unpermitted": self._user("unpermitted", organization=own),
            "operator": self._user("operator", organization=own, group="Operator"),
            "administrator": self._user("admin", organization=own, group=group),
            "stranger": self._user(
                "stranger", organization=self.organizations["third"], group=group
            ),
            "superuser": people.superuser(f"{self.mark}super"),
        }
        # the first member becomes the owner, whoever that is
        OrganizationOwner.objects.filter(organization=own).delete()
        member = OrganizationUser.objects.create(
            user=found["owner"], organization=own, is_admin=False
        )
        OrganizationOwner.objects.create(organization=own, organization_user=member)
        OrganizationUser.objects.filter(pk=member.pk).update(is_admin=False)
        return found

    def _user(self, name, **kwargs):
        return people.user(f"{self.mark}{name}", **kwargs)


def upload():
    """Returns the content of a small image file."""
    return ContentFile(b"an image", name="small.bin")
