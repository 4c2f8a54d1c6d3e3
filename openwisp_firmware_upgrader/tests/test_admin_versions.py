"""Histories of the admin: nobody sees or brings back what is not theirs."""

from __future__ import annotations

from functools import partial

import reversion
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.test import TestCase
from django.urls import reverse
from reversion.models import Version
from swapper import load_model as load_any_model

from ..swapper import load_model
from .pages import page_data
from .test_admin import BaseTestAdmin

User = get_user_model()
Group = load_any_model("openwisp_users", "Group")
OrganizationUser = load_any_model("openwisp_users", "OrganizationUser")
Category = load_model("Category")

# more than any database can count to
HUGE = "9" * 30
# more digits than Python reads
LONG = "9" * 4301
METHODS = ("get", "head", "post", "put")


def stored(*objects):
    """Stores the present state of objects as one revision; returns their versions."""
    with reversion.create_revision():
        for obj in objects:
            reversion.add_to_revision(obj)
    return [Version.objects.get_for_object(obj).first() for obj in objects]


class VersionPagesMixin(BaseTestAdmin):
    """An administrator of one organization, and what another one has."""

    def setUp(self):
        super().setUp()
        self.foreign = self._create_org(name="foreign", slug="foreign")
        self.user = self._create_administrator([self._get_org()])
        self._login("administrator")

    def _page(self, model, name, *args):
        options = model._meta
        name = f"admin:{options.app_label}_{options.model_name}_{name}"
        return reverse(name, args=args)

    def _recover(self, version, model=Category):
        return self._page(model, "recover", version.pk)

    def _history(self, version, pk=None, model=Category):
        return self._page(model, "revision", pk or version.object_id, version.pk)

    def _refused(self, *urls):
        """Asserts that every method is answered by 404."""
        for url in urls:
            for method in METHODS:
                response = getattr(self.client, method)(url)
                self.assertEqual(response.status_code, 404, (method, url))

    def _confirmed(self, url, **changes):
        """Submits a page of a version as it is, returns the answer."""
        page = self.client.get(url)
        self.assertEqual(page.status_code, 200, url)
        return self.client.post(url, page_data(page, **changes))

    def _changed(self, obj, **values):
        type(obj).objects.filter(pk=obj.pk).update(**values)
        obj.refresh_from_db()


class TestCategoryVersions(VersionPagesMixin, TestCase):
    """Rows S1 and S2 on the pages of categories, which are this app's own."""

    def test_s1_user_does_not_become_superuser_by_an_old_version(self):
        self._changed(self.user, is_superuser=True)
        (version,) = stored(self.user)
        self._changed(self.user, is_superuser=False)
        own = self._create_category()
        self._refused(
            self._recover(version),
            self._history(version),
            self._history(version, own.pk),
        )
        self.user.refresh_from_db()
        self.assertIs(self.user.is_superuser, False)

    def test_s1_revoked_membership_stays_revoked(self):
        # the first member of an organization becomes its owner
        self._create_operator([self.foreign])
        member = OrganizationUser.objects.create(
            user=self.user, organization=self.foreign, is_admin=True
        )
        (version,) = stored(member)
        member.delete()
        self._refused(self._recover(version), self._history(version))
        self.assertFalse(OrganizationUser.objects.filter(pk=member.pk))

    def test_s1_foreign_category_is_neither_changed_nor_restored(self):
        changed = self._create_category(name="old", organization=self.foreign)
        deleted = self._create_category(name="gone", organization=self.foreign)
        own = self._create_category()
        old, gone = (stored(each)[0] for each in (changed, deleted))
        self._changed(changed, name="new")
        deleted.delete()
        for version in (old, gone):
            self._refused(
                self._recover(version),
                self._history(version),
                self._history(version, own.pk),
            )
        names = Category.objects.filter(organization=self.foreign)
        self.assertEqual([each.name for each in names], ["new"])

    def test_s1_shared_category_is_for_superusers(self):
        shared = self._create_category(name="old", organization=None)
        (version,) = stored(shared)
        self._changed(shared, name="new")
        self._refused(self._recover(version), self._history(version))
        self._changed(shared, organization=self._get_org())
        self._refused(self._recover(version), self._history(version))
        self.assertEqual(Category.objects.get().name, "new")

    def test_s1_everything_in_the_revision_must_be_managed(self):
        own = self._create_category(name="own, old")
        others = {
            "foreign category": self._create_category(
                name="foreign, old", organization=self.foreign
            ),
            "user": self.user,
            "group": Group.objects.get(pk=self.user.groups.first().pk),
            "membership": OrganizationUser.objects.create(
                user=self.user, organization=self.foreign, is_admin=False
            ),
        }
        for name, other in others.items():
            with self.subTest(name):
                version, _other = stored(own, other)
                self._changed(own, name="own, new")
                self._refused(self._recover(version), self._history(version))
                self.assertEqual(Category.objects.get(pk=own.pk).name, "own, new")

    def test_s1_everything_in_the_revision_must_be_permitted(self):
        own = self._create_category(name="old")
        friend = self._create_operator([self._get_org()])
        member = OrganizationUser.objects.get(user=friend)
        version, _member = stored(own, member)
        member.delete()
        self._take("organizationuser")
        self.assertEqual(self.client.post(self._history(version)).status_code, 403)
        self.assertFalse(OrganizationUser.objects.filter(pk=member.pk))

    def _take(self, model):
        group = self.user.groups.get()
        group.permissions.remove(*group.permissions.filter(content_type__model=model))

    def test_s1_category_that_was_handed_over(self):
        category = self._create_category(name="old", organization=self.foreign)
        (of_before,) = stored(category)
        self._changed(category, organization=self._get_org(), name="ours")
        (ours,) = stored(category)
        self._refused(self._history(of_before), self._recover(of_before))
        self._changed(category, organization=self.foreign, name="theirs-again")
        self._refused(self._history(ours), self._recover(ours))
        self.assertEqual(Category.objects.get().name, "theirs-again")

    def test_s1_category_that_was_handed_over_and_deleted(self):
        category = self._create_category(name="old")
        (ours,) = stored(category)
        self._changed(category, organization=self.foreign, name="theirs")
        stored(category)
        category.delete()
        self._refused(self._recover(ours))
        self.assertFalse(Category.objects.exists())

    def test_s1_revision_with_a_row_that_was_handed_over(self):
        first, second = (self._create_category(name=name) for name in "ab")
        version, _second = stored(first, second)
        self._changed(second, organization=self.foreign, name="theirs")
        first.delete()
        self._refused(self._recover(version))
        self.assertEqual(Category.objects.get().name, "theirs")

    def test_s1_nothing_is_kept_unless_the_object_was_found(self):
        category = self._create_category(name="old")
        (version,) = stored(category)
        self._changed(category, name="new")
        url = self._history(version)
        data = page_data(self.client.get(url))
        for extra in (
            {"_saveasnew": "1"},
            {"_to_field": "name"},
            {"_to_field": "id"},
            {"_popup": "1"},
        ):
            response = self.client.post(url, {**data, "name": "copy", **extra})
            self.assertIn(response.status_code, (400, 404), extra)
            self.assertEqual(Category.objects.get().name, "new")

    def test_s1_numbers_that_are_no_version(self):
        own = self._create_category()
        for number in ("0", "123456789", HUGE, LONG, "٣"):
            self._refused(
                f"/admin/{Category._meta.app_label}/category/recover/{number}/",
                f"/admin/{Category._meta.app_label}/category/{own.pk}/history/{number}/",
            )

    def test_s1_ids_that_are_none(self):
        (version,) = stored(self._create_category())
        url = self._page(Category, "revision", "PK", version.pk)
        for pk in ("abc", "%00", "%ED%A0%80", "²", version.object_id.upper(), "_00"):
            self._refused(url.replace("PK", pk))

    def test_s1_versions_that_cannot_be_read(self):
        category = self._create_category(name="old")
        odd = {
            "list": {"serialized_data": "[]"},
            "null": {"serialized_data": "null"},
            "text": {"serialized_data": "\\0"},
            "format": {"format": "none"},
            "database": {"db": "none"},
            "model": {"content_type": self._removed_model()},
        }
        for name, values in odd.items():
            version, other = stored(category, self._create_category(name=name))
            Version.objects.filter(pk=other.pk).update(**values)
            for user in ("administrator", "admin"):
                with self.subTest(name, user=user):
                    self._login(user)
                    self._refused(self._history(version))
                    lists = (
                        self._page(Category, "history", other.object_id),
                        self._page(Category, "recoverlist"),
                    )
                    for url in lists:
                        self.assertEqual(self.client.get(url).status_code, 200)

    def _removed_model(self):
        return ContentType.objects.create(app_label="removed", model="removed")

    def test_s1_administrator_goes_back_to_an_earlier_version(self):
        category = self._create_category(name="old")
        (version,) = stored(category)
        self._changed(category, name="new")
        url = self._history(version)
        self.assertEqual(self.client.post(url).status_code, 200)
        self.assertEqual(Category.objects.get().name, "new")
        response = self._confirmed(url)
        self.assertRedirects(response, self._page(Category, "changelist"))
        self.assertEqual(Category.objects.get().name, "old")

    def test_s1_administrator_recovers_a_category(self):
        category = self._create_category(name="gone")
        (version,) = stored(category)
        category.delete()
        response = self._confirmed(self._recover(version))
        self.assertRedirects(response, self._page(Category, "changelist"))
        self.assertEqual(Category.objects.get().name, "gone")

    def test_s1_two_own_categories_of_one_revision(self):
        first, second = (self._create_category(name=name) for name in "ab")
        version, _second = stored(first, second)
        first.delete()
        second.delete()
        self.assertEqual(self._confirmed(self._recover(version)).status_code, 302)
        self.assertEqual(Category.objects.count(), 2)

    def test_s1_what_was_recovered_is_not_recovered_again(self):
        category = self._create_category(name="old")
        (version,) = stored(category)
        self._changed(category, name="new")
        page = self._page(Category, "change", category.pk)
        for method in (self.client.get, self.client.post):
            response = method(self._recover(version), follow=True)
            self.assertEqual(response.redirect_chain, [(page, 302)])
            self.assertContains(response, "There is nothing to recover, new exists.")
        self.assertEqual(Category.objects.get().name, "new")

    def test_s1_superuser_is_held_to_the_model_only(self):
        category = self._create_category(name="old", organization=self.foreign)
        (version,), (other,) = stored(category), stored(self.user)
        self._changed(category, name="new")
        self._login("admin")
        self._refused(
            self._recover(other),
            self._history(other),
            self._history(other, category.pk),
        )
        self.assertEqual(self._confirmed(self._history(version)).status_code, 302)
        self.assertEqual(Category.objects.get().name, "old")
        category.delete()
        self.assertEqual(self._confirmed(self._recover(version)).status_code, 302)
        self.assertEqual(Category.objects.get().name, "old")

    def test_s1_permissions_come_before_the_revision(self):
        category = self._create_category(name="old")
        (version,) = stored(category)
        gone = self._create_category(name="gone")
        (recovered,) = stored(gone)
        gone.delete()
        self._changed(category, name="new")
        urls = self._history(version), self._recover(recovered)
        self._take("category")
        for url in urls:
            self.assertEqual(self.client.get(url).status_code, 403)
            self.assertEqual(self.client.post(url).status_code, 403)
        self.client.logout()
        for url in urls:
            self.assertEqual(self.client.post(url).status_code, 302)
        self.assertEqual(Category.objects.get().name, "new")

    def test_s1_organization_that_is_disabled(self):
        (version,) = stored(self._create_category())
        org = self._get_org()
        org.is_active = False
        org.save()
        self._refused(self._history(version), self._recover(version))

    def test_s2_deleted_categories_of_managed_organizations_are_listed(self):
        owners = {"own": self._get_org(), "foreign": self.foreign, "shared": None}
        for name, organization in owners.items():
            category = self._create_category(
                name=f"the {name} one", organization=organization
            )
            stored(category)
            category.delete()
        url = self._page(Category, "recoverlist")
        page = self.client.get(url)
        self.assertContains(page, "the own one")
        self.assertNotContains(page, "the foreign one")
        self.assertNotContains(page, "the shared one")
        self._login("admin")
        page = self.client.get(url)
        for name in owners:
            self.assertContains(page, f"the {name} one")

    def test_s2_history_begins_where_the_category_was_handed_over(self):
        category = self._create_category(organization=self.foreign)
        with reversion.create_revision():
            reversion.set_comment("a foreign remark")
            reversion.add_to_revision(category)
        self._changed(category, organization=self._get_org())
        with reversion.create_revision():
            reversion.set_comment("an own remark")
            reversion.add_to_revision(category)
        page = self.client.get(self._page(Category, "history", category.pk))
        self.assertContains(page, "an own remark")
        self.assertNotContains(page, "a foreign remark")


# who asks, and the answers to GET and POST of an own and of a foreign version
HISTORY = {
    "anonymous": (302, 302, 302, 302),
    "no staff": (302, 302, 302, 302),
    "unpermitted": (403, 403, 404, 404),
    "member": (404, 404, 404, 404),
    "viewer": (200, 403, 404, 404),
    "administrator": (200, 302, 404, 404),
    "stranger": (404, 404, 404, 404),
    "superuser": (200, 302, 200, 302),
}
RECOVER = {
    **HISTORY,
    "unpermitted": (403, 403, 403, 403),
    "viewer": (403, 403, 403, 403),
}


class TestRoles(VersionPagesMixin, TestCase):
    """Who gets which answer, and that nothing changes unless it is a redirect."""

    def setUp(self):
        super().setUp()
        third = self._create_org(name="third", slug="third")
        own = self._get_org()
        self.users = {
            "anonymous": None,
            "no staff": self._user("no staff", own, is_staff=False),
            "unpermitted": self._user("unpermitted", own),
            "member": self._user("member"),
            "viewer": self._user("viewer", own),
            "administrator": self.user,
            "stranger": self._user("stranger", third),
            "superuser": self._get_admin(),
        }
        OrganizationUser.objects.create(user=self.users["member"], organization=own)
        for name in ("unpermitted", "viewer"):
            self.users[name].groups.clear()
        view = Permission.objects.get(
            codename="view_category", content_type__app_label=Category._meta.app_label
        )
        self.users["viewer"].user_permissions.add(view)

    def _user(self, name, *organizations, **kwargs):
        kwargs["email"] = f"{name.replace(' ', '-')}@example.org"
        return self._create_administrator(organizations, username=name, **kwargs)

    def _sign_in(self, role):
        self.client.logout()
        if self.users[role] is not None:
            self.client.force_login(self.users[role])

    def _answers(self, url, organization):
        """Returns the answers to GET and POST, and undoes what was changed."""
        data = {"name": "old", "description": "", "organization": organization.pk}
        found = []
        for method in (self.client.get, partial(self.client.post, data=data)):
            before = self._names()
            point = transaction.savepoint()
            found.append(method(url).status_code)
            changed = self._names() != before
            transaction.savepoint_rollback(point)
            saved = found[-1] == 302 and method is not self.client.get
            self.assertEqual(changed, saved and self._is_signed_in(), url)
        return found

    def _is_signed_in(self):
        return self.client.get(reverse("admin:index")).status_code == 200

    def _names(self):
        return sorted(Category.objects.values_list("name", "organization__name"))

    def _check(self, url_of, expected):
        urls = [
            (url_of(organization), organization)
            for organization in (self._get_org(), self.foreign)
        ]
        self.assertEqual(set(self.users), set(expected))
        for role in self.users:
            self._sign_in(role)
            found = [status for each in urls for status in self._answers(*each)]
            self.assertEqual(tuple(found), expected[role], role)

    def test_s1_every_role_on_the_page_of_a_version(self):
        def url_of(organization):
            category = self._create_category(name="old", organization=organization)
            (version,) = stored(category)
            self._changed(category, name="new")
            return self._history(version)

        self._check(url_of, HISTORY)

    def test_s1_every_role_on_the_page_that_recovers(self):
        def url_of(organization):
            category = self._create_category(name="old", organization=organization)
            (version,) = stored(category)
            category.delete()
            return self._recover(version)

        self._check(url_of, RECOVER)
