"""Objects that changed hands, and users who may less than when they began.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

import reversion
from openwisp_users.models import OrganizationUser
from openwisp_users.tasks import invalidate_org_membership_cache
from reversion.models import Version

from openwisp_firmware_upgrader.swapper import load_model

from .. import world

# the administrator of the foreign organization, who gets what changes hands; one who
# was an administrator when the session began; one who was in the group then
ROLES = (*world.ROLES, "receiver", "demoted", "stripped")
DEVICES = ("device", "running", "failed", "retired")
FIRMWARE = ("category", "build")
# the history of a device goes with it, ids of these are in it
HISTORY = ("image", "running_batch", "failed_batch")
TARGETS = ("own", "foreign", "shared", "moved", "handed", "disabled")


class Situations(world.World):
    """The world, and what has become of parts of it.

    The devices of ``moved`` are of the foreign organization, the category of
    ``handed`` is, ``disabled`` belongs to an organization that is not active any more.
    """

    def __init__(self, mark=""):
        super().__init__(mark)
        self.organizations["disabled"] = self._organization("disabled")
        self._join(self.organizations["disabled"])
        own = self.organizations["own"]
        owners = {"moved": own, "handed": own}
        for name in ("moved", "handed", "disabled"):
            owner = owners.get(name, self.organizations["disabled"])
            self.targets[name] = self._target(name, owner)
        self._move(self.targets["moved"])
        self._hand_over(self.targets["handed"])
        for target in self.targets.values():
            self._delete(target)

    def _target(self, name, organization):
        made = super()._target(name, organization)
        if name not in ("own", "foreign", "shared"):
            # an organization has one build for each release
            builds = load_model("Build").objects.filter(category=made.category)
            builds.update(os=None)
            made.build.refresh_from_db()
        owner = organization or self.organizations["own"]
        made.retired = self.device(owner, made.old_image)
        made.retired.deactivate()
        self.operation(made.retired, made.image, "failed")
        made.gone_device = self.device(owner, made.old_image)
        self.operation(made.gone_device, made.image, "failed", made.failed_batch)
        made.gone_category = load_model("Category").objects.create(
            name=f"{self.mark}{name}-gone", organization=organization
        )
        made.versions = {
            kind: stored(getattr(made, kind))
            for kind in ("category", "device", "gone_category", "gone_device")
        }
        made.category.description = "new"
        made.category.save()
        return made

    def _users(self):
        found = super()._users()
        own, foreign = (self.organizations[name] for name in ("own", "foreign"))
        for name, organization in (
            ("receiver", foreign),
            ("demoted", own),
            ("stripped", own),
        ):
            found[name] = self._user(
                name, organization=organization, group="Administrator"
            )
        return found

    def _join(self, organization):
        """Makes the members of the own organization those of another one."""
        rows = OrganizationUser.objects.filter(organization=self.organizations["own"])
        # the first member becomes the owner, of both organizations the same
        for row in sorted(rows, key=lambda row: row.user != self.users["owner"]):
            member = OrganizationUser.objects.create(
                user=row.user, organization=organization, is_admin=row.is_admin
            )
            OrganizationUser.objects.filter(pk=member.pk).update(is_admin=row.is_admin)

    def _move(self, target):
        devices = [target.device, target.retired, target.gone_device]
        devices += [target.running.device, target.failed.device]
        move(*devices, to=self.organizations["foreign"])

    def _hand_over(self, target):
        to = self.organizations["foreign"]
        hand_over(target.category, to=to)
        hand_over(target.gone_category, to=to)
        # what is in progress is of a build of its own
        hand_over(target.running_batch.build.category, to=to)
        target.organization = to

    def _delete(self, target):
        """Deletes what can be recovered, whose last state was stored as well."""
        stored(target.gone_device)
        stored(target.gone_category)
        target.gone_device.delete(check_deactivated=False)
        target.gone_category.delete()

    def change(self):
        """Disables and demotes, in the middle of the sessions."""
        disable(self.organizations["disabled"])
        demote(self.users["demoted"], self.organizations["own"])
        strip(self.users["stripped"])

    def secrets(self):
        """Returns what must not be told, by role: names and ids."""
        everything = {name: ids_of(each) for name, each in self.targets.items()}
        foreign = everything["foreign"]
        foreign += ids_of(self.targets["moved"], DEVICES)
        foreign += ids_of(self.targets["handed"], FIRMWARE)
        disabled = everything["disabled"]
        own = everything["own"] + ids_of(self.targets["moved"], FIRMWARE)
        own += ids_of(self.targets["handed"], DEVICES)
        found = dict.fromkeys(ROLES, [*own, *foreign, *disabled])
        for role in ("operator", "administrator"):
            found[role] = [*foreign, *disabled]
        found["receiver"] = [*own, *disabled]
        found["superuser"] = []
        return found


def ids_of(target, names=(*DEVICES, *FIRMWARE, *HISTORY)):
    """Returns the ids, and the addresses of devices, of parts of a target."""
    rows = [getattr(target, name) for name in names]
    rows += [row.device for row in rows if hasattr(row, "device")]
    addresses = [getattr(row, "mac_address", None) for row in rows]
    return [str(row.pk) for row in rows] + [each for each in addresses if each]


def stored(row):
    """Stores the present state of a row as a revision; returns its version."""
    row.refresh_from_db()
    with reversion.create_revision():
        reversion.add_to_revision(row)
    return Version.objects.get_for_object(row).first()


def move(*devices, to):
    """Moves devices to an organization."""
    for device in devices:
        device.refresh_from_db()
        device.organization = to
        device.save()


def hand_over(category, to):
    """Hands a category over to an organization."""
    category.organization = to
    category.save()


def disable(organization):
    """Disables an organization, as the admin and its worker do."""
    organization.is_active = False
    organization.save()
    invalidate_org_membership_cache(organization.pk)


def demote(user, organization):
    """Makes an administrator of an organization a plain member."""
    member = OrganizationUser.objects.get(user=user, organization=organization)
    member.is_admin = False
    member.save()


def strip(user):
    """Takes all groups from a user."""
    user.groups.clear()
