"""What the tests of the REST API share."""

from contextlib import contextmanager
from unittest import mock

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openwisp_users.tests.utils import TestMultitenantAdminMixin
from rest_framework.authtoken.models import Token
from swapper import load_model as load_any_model

from ...state import wakeups
from ...swapper import load_model
from ..base import TestUpgraderMixin

Device = load_any_model("config", "Device")
OrganizationUser = load_any_model("openwisp_users", "OrganizationUser")
NOWHERE = "00000000-0000-4000-8000-000000000000"


class TestAPIUpgraderMixin(TestUpgraderMixin, TestMultitenantAdminMixin):
    """Sends requests as users of every kind; no worker is ever woken."""

    def setUp(self):
        """Logs the administrator of the default organization in."""
        super().setUp()
        cache.clear()
        patcher = mock.patch.object(wakeups, "send", return_value=True)
        self.sent = patcher.start()
        self.addCleanup(patcher.stop)
        self.org = self._get_org()
        self.administrator = self._create_administrator([self.org])
        self._login(self.administrator)

    def _login(self, user):
        """Sends the token of a user from now on; None for nobody."""
        if user is None:
            self.client.defaults.pop("HTTP_AUTHORIZATION", None)
            return
        token, _created = Token.objects.get_or_create(user=user)
        self.client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token.key}"
        # memberships come from the cache, as on any but the first request
        assert get_user_model().objects.get(pk=user.pk).organizations_managed or True

    def _login_superuser(self):
        self._login(self._get_admin())

    def _login_operator(self, *organizations):
        user = self._create_operator(list(organizations) or [self.org])
        self._login(user)
        return user

    def _other_org(self):
        return self._get_org("other org")

    def _login_foreign(self):
        """Logs the administrator of another organization in."""
        other = self._create_org(name="foreign", slug="foreign")
        names = {"username": "foreign", "email": "foreign@example.org"}
        user = self._create_administrator([other], **names)
        self._login(user)
        return user

    def _login_member(self):
        """Logs a member in who manages nothing but has every permission."""
        names = {"username": "member", "email": "member@example.org"}
        user = self._create_administrator([], **names)
        OrganizationUser.objects.create(user=user, organization=self.org)
        self._login(user)
        return user

    def _login_with(self, *verbs, model, name="partly"):
        """Logs a manager in who has these permissions on a model only."""
        user = self._create_user(username=name, email=f"{name}@example.org")
        OrganizationUser.objects.create(user=user, organization=self.org, is_admin=True)
        options = load_model(model)._meta
        names = [f"{verb}_{options.model_name}" for verb in verbs]
        found = Permission.objects.filter(
            content_type__app_label=options.app_label, codename__in=names
        )
        user.user_permissions.set(found)
        self._login(user)
        return user

    def _url(self, name, *args):
        return reverse(f"upgrader:api_{name}", args=args)

    @contextmanager
    def _budget(self, number):
        """At most so many queries."""
        with CaptureQueriesContext(connection) as queries:
            yield queries
        if len(queries) > number:
            listed = "\n".join(query["sql"][:300] for query in queries)
            self.fail(f"{len(queries)} queries instead of {number}:\n{listed}")

    def _get(self, url, code=200, queries=None, **data):
        return self._send("get", url, code, queries, data=data)

    def _send(self, method, url, status=200, queries=None, **kwargs):
        if queries is None:
            response = getattr(self.client, method)(url, **kwargs)
        else:
            with self._budget(queries):
                response = getattr(self.client, method)(url, **kwargs)
        content = b"" if response.streaming else response.content
        self.assertEqual(response.status_code, status, content[:2000])
        return response

    def _json(self, method, url, data, status=200, queries=None, **kwargs):
        kwargs.setdefault("content_type", "application/json")
        return self._send(method, url, status, queries, data=data, **kwargs)

    def _results(self, response):
        return [row["id"] for row in response.data["results"]]

    def _shared_build(self, **kwargs):
        category = self._get_category("Shared", organization=None)
        return self._create_build(category=category, **kwargs)

    def _snapshot(self):
        """Returns every row of every table of this app, to prove nothing changed."""
        names = (
            "Category",
            "Build",
            "FirmwareImage",
            "DeviceFirmware",
            "BatchUpgradeOperation",
            "UpgradeOperation",
        )
        return {n: list(load_model(n).objects.order_by("pk").values()) for n in names}

    @contextmanager
    def _nothing_changes(self):
        before = self._snapshot()
        yield
        self.assertEqual(self._snapshot(), before)

    def _operation(self, device, image=None, **fields):
        """Stores an operation without waking anybody."""
        row = load_model("UpgradeOperation")(device=device, image=image, **fields)
        row.save()
        return row


class TestOrgAPIMixin(TestAPIUpgraderMixin):
    """Tests that hold for the list of every model with an organization.

    Subclasses say the name of the list's URL and make an object of an
    organization, or a shared one.
    """

    list_name: str | None = None

    def _make(self, organization):
        raise NotImplementedError

    def test_only_managed_organizations_are_listed(self):
        mine = self._make(self.org)
        other = self._make(self._create_org(name="org 2", slug="org-2"))
        url = self._url(self.list_name)
        self.assertEqual(self._results(self._get(url)), [str(mine.pk)])
        self._login_superuser()
        found = self._results(self._get(url))
        self.assertEqual(set(found), {str(mine.pk), str(other.pk)})

    def test_organization_slug(self):
        mine = self._make(self.org)
        self._make(self._create_org(name="org 2", slug="org-2"))
        url = self._url(self.list_name)
        for slug, expected in (
            (self.org.slug, [str(mine.pk)]),
            ("", [str(mine.pk)]),
            ("org-2", []),
            ("unknown", []),
            ("nul\x00", []),
        ):
            with self.subTest(slug=slug):
                found = self._results(self._get(url, organization=slug))
                self.assertEqual(found, expected)
        self.assertEqual(len(self._results(self._get(url, org="org-2"))), 1)
        self._login_superuser()
        found = self._results(self._get(url, organization=self.org.slug, queries=3))
        self.assertEqual(found, [str(mine.pk)])

    def test_pagination(self):
        self._make(self.org)
        url = self._url(self.list_name)
        response = self._get(url)
        self.assertEqual(set(response.data), {"count", "next", "previous", "results"})
        for page_size in ("0", "-1", "x", "100000", "5"):
            self._get(url, page_size=page_size)
        self.assertIn("detail", self._get(url, 404, page=2).data)
        self._get(url, page="last")

    def test_anonymous_and_unauthorized(self):
        url = self._url(self.list_name)
        self._login(None)
        response = self._get(url, 401, queries=0)
        self.assertEqual(response.headers["WWW-Authenticate"], "Bearer")
        self.assertIn("detail", response.data)
        self._get(url, 401, HTTP_AUTHORIZATION="Bearer nonsense")
        self._login_member()
        response = self._get(url, 403, queries=1)
        self.assertIn("not a manager", str(response.data["detail"]))

    def test_rendered_as_html(self):
        self._make(self.org)
        response = self._get(self._url(self.list_name), format="api")
        self.assertContains(response, "<html")
