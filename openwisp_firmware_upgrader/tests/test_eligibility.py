"""What was checked at launch is checked again when a worker begins."""

from __future__ import annotations

from unittest import mock

from django.contrib.auth.models import Group
from django.test import TestCase
from openwisp_users.tests.utils import TestMultitenantAdminMixin
from swapper import load_model as load_any_model

from ..swapper import load_model
from ..tasks import batch_upgrade_operation
from .devices import FakeDeviceMixin, reached


def _memberships(user):
    model = load_any_model("openwisp_users", "OrganizationUser")
    return model.objects.filter(user=user)


def left_the_group(user):
    user.groups.clear()


def became_an_operator(user):
    user.groups.set([Group.objects.get(name="Operator")])


def was_disabled(user):
    user.is_active = False
    user.save()


def is_a_member_only(user):
    membership = _memberships(user).get()
    membership.is_admin = False
    membership.save()


def left_the_organization(user):
    _memberships(user).get().delete()


def lost_the_organization(user):
    organization = _memberships(user).get().organization
    organization.is_active = False
    organization.save()


CHANGES = (
    left_the_group,
    became_an_operator,
    was_disabled,
    is_a_member_only,
    left_the_organization,
    lost_the_organization,
)


def refused_after(change):
    """Returns a test of what a user may no more once something has changed."""

    def test(self):
        user = self._manager()
        operation, device, _image = self._waiting(created_by=user)
        # memberships are cached, as they are for whoever was here before
        self.assertTrue(user.is_manager(device.organization))
        change(user)
        self._assert_aborted(operation, device, "may not upgrade this device")

    return test


class TestEligibility(TestMultitenantAdminMixin, FakeDeviceMixin, TestCase):
    def _waiting(self, **fields):
        device, image = self._environment()
        operation = self._operation(device, image)
        rows = load_model("UpgradeOperation").objects.filter(pk=operation.pk)
        rows.update(**fields)
        return rows.get(), device, image

    def _run(self, operation, device):
        with reached(self._fake(device)) as fake:
            operation.upgrade()
        operation.refresh_from_db()
        return operation, len(fake.flashes)

    def _assert_aborted(self, operation, device, text):
        operation, flashes = self._run(operation, device)
        self.assertEqual(operation.status, "aborted", operation.log)
        self.assertIn(text, operation.log)
        self.assertEqual(flashes, 0)

    def _manager(self, **kwargs):
        options = {"username": "manager", "email": "manager@example.org", **kwargs}
        user = self._create_user(is_staff=True, **options)
        user.groups.add(Group.objects.get(name="Administrator"))
        organization = self._get_org()
        # the first one owns the organization, which nobody can take away
        for each in (self._create_operator(), user):
            self._create_org_user(user=each, organization=organization, is_admin=True)
        return user

    def test_s10_device_that_moved_while_its_operation_waited(self):
        operation, device, _image = self._waiting()
        other = self._create_org(name="other", slug="other")
        type(device).objects.filter(pk=device.pk).update(organization=other)
        self._assert_aborted(operation, device, "another organization than the image")

    def test_s10_image_whose_category_was_handed_over(self):
        operation, device, image = self._waiting()
        other = self._create_org(name="other", slug="other")
        rows = load_model("Category").objects.filter(pk=image.build.category_id)
        rows.update(organization=other)
        self._assert_aborted(operation, device, "another organization than the image")

    def test_s10_image_of_a_category_that_became_shared(self):
        operation, device, image = self._waiting()
        rows = load_model("Category").objects.filter(pk=image.build.category_id)
        rows.update(organization=None)
        operation, flashes = self._run(operation, device)
        self.assertEqual((operation.status, flashes), ("success", 1), operation.log)

    def test_s10_device_that_turned_out_to_be_another_model(self):
        operation, device, _image = self._waiting()
        type(device).objects.filter(pk=device.pk).update(model="another model")
        self._assert_aborted(operation, device, "does not fit the model")

    def test_s10_image_whose_type_was_changed_or_taken_out_of_the_settings(self):
        operation, device, image = self._waiting()
        rows = type(image).objects.filter(pk=image.pk)
        rows.update(type="taken-out-of-the-settings.bin")
        self._assert_aborted(operation, device, "does not fit the model")

    def test_s10_options_that_the_upgrader_does_not_take_any_more(self):
        options = {"c": True, "n": True}
        operation, device, _image = self._waiting(upgrade_options=options)
        self._assert_aborted(operation, device, "The upgrade options do not suit")

    def test_s10_user_who_may_still_launch_it(self):
        operation, device, _image = self._waiting(created_by=self._manager())
        operation, flashes = self._run(operation, device)
        self.assertEqual((operation.status, flashes), ("success", 1), operation.log)

    def test_s10_superuser_who_is_one_no_more(self):
        user = self._get_admin()
        operation, device, _image = self._waiting(created_by=user)
        type(user).objects.filter(pk=user.pk).update(is_superuser=False)
        self._assert_aborted(operation, device, "may not upgrade this device")

    def test_s10_launch_by_a_user_who_lost_the_right_meanwhile(self):
        environment = self._create_upgrade_env()
        user, build = self._manager(), environment["build2"]
        with mock.patch("openwisp_firmware_upgrader.state.wakeups.batch_on_commit"):
            batch = build.batch_upgrade(firmwareless=False, created_by=user)
        user.groups.clear()
        batch_upgrade_operation(batch.pk, False)
        found = list(batch.upgradeoperation_set.all())
        self.assertEqual([row.status for row in found], ["aborted", "aborted"])
        self.assertIn("may not upgrade this device", found[0].log)
        installed = load_model("DeviceFirmware").objects.values_list("image__build")
        self.assertEqual(set(installed), {(environment["build1"].pk,)})
        batch.refresh_from_db()
        self.assertEqual(batch.status, "failed")


for each in CHANGES:
    name = f"test_s10_user_who_{each.__name__}_after_the_launch"
    setattr(TestEligibility, name, refused_after(each))
