"""Downloads of image files."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from unittest import mock

from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import (
    AsyncRequestFactory,
    RequestFactory,
    SimpleTestCase,
    TestCase,
    override_settings,
)
from django.urls import reverse
from private_storage.servers import DjangoServer
from private_storage.views import PrivateStorageDetailView

from .. import private_storage
from ..private_storage import servers, views
from ..private_storage.ranges import RangeNotSatisfiable, asked_range
from ..swapper import load_model
from .base import FirmwareDownloadPermissionTestMixin, TestUpgraderMixin

MIB = 1024 * 1024


class OtherServer(DjangoServer):
    """What a project may name as its server."""

    @staticmethod
    def serve(private_file):
        return HttpResponse(b"other server")


class TestPrivateStorage(
    FirmwareDownloadPermissionTestMixin, TestUpgraderMixin, TestCase
):
    expected_queries = {
        "unauthenticated": 0,
        "no_permissions": 3,
        "authenticated_no_permission": 3,
        "different_org": 3,
        "staff_no_permissions": 3,
        "staff_different_org": 3,
        "staff_with_permission": 8,
        "operator_same_org": 7,
        "superuser": 2,
    }

    def setUp(self):
        super().setUp()
        self.image = self._create_firmware_image(file=self._real_image_file())
        with self.image.file.open() as file:
            self.content = file.read()

    def get_download_url(self):
        return reverse("serve_private_file", args=[self.image.file])

    def _get(self, method="get", url=None, **headers):
        self.client.force_login(self._get_admin())
        ask = getattr(self.client, method)
        return ask(url or self.get_download_url(), headers=headers)

    def _share(self):
        category = self._create_category(name="shared", organization=None)
        build = self._create_build(category=category, version="9")
        self.image = self._create_firmware_image(
            build=build, file=self._real_image_file()
        )

    def test_view_is_importable_from_the_package(self):
        view = private_storage.FirmwareImageDownloadView
        self.assertIs(view, views.FirmwareImageDownloadView)
        self.assertTrue(issubclass(view, PrivateStorageDetailView))
        with self.assertRaises(AttributeError):
            private_storage.nothing  # noqa: B018 looking it up is the test

    def test_model_is_the_one_in_force(self):
        self.assertIs(type(self.image), load_model("FirmwareImage"))
        self.assertIs(
            private_storage.FirmwareImageDownloadView().model, type(self.image)
        )

    def test_anonymous_learns_nothing(self):
        url = reverse("serve_private_file", args=["nothing/here.bin"])
        for path in (url, self.get_download_url()):
            with self.assertNumQueries(0):
                response = self.client.get(path)
            self.assertEqual((response.status_code, response.content), (401, b""))

    def test_token_does_not_count(self):
        response = self.client.get(
            self.get_download_url(), headers={"authorization": "Bearer x"}
        )
        self.assertEqual(response.status_code, 401)

    def test_odd_paths_are_not_found(self):
        for path in ("nothing/here.bin", "../../etc/passwd", "a" * 5000, "%00", "ä%ff"):
            with self.subTest(path=path[:20]):
                url = self.get_download_url().split("firmware/")[0]
                self.assertEqual(
                    self._get(url=f"{url}firmware/{path}").status_code, 404
                )

    def test_missing_file_is_not_found(self):
        os.remove(self.image.file.path)
        self.assertEqual(self._get().status_code, 404)

    def test_file_that_goes_meanwhile_is_not_found(self):
        with mock.patch.object(servers, "send", side_effect=FileNotFoundError):
            self.assertEqual(self._get().status_code, 404)

    def test_other_methods(self):
        self.assertEqual(self._get("post").status_code, 405)
        self.assertEqual(self._get("delete").status_code, 405)

    def test_permission_to_change_is_not_enough(self):
        user = self._download_user("change", self._get_org())
        user.user_permissions.set(self._permissions("change"))
        self._assert_download("change", 403, user)

    def test_managers_who_are_no_staff(self):
        user = self._download_user("nostaff", self._get_org(), True, is_staff=False)
        self._assert_download("no staff", 403, user)

    def test_owner_who_is_no_admin(self):
        user = self._download_user("owner", permission=True)
        member = self._create_org_user(user=user, organization=self._get_org())
        self._create_org_owner(
            organization_user=member, organization=member.organization
        )
        self._assert_download("owner", 200, user)

    def test_manager_of_an_inactive_organization(self):
        organization = self._get_org()
        user = self._download_user("inactive", organization, True)
        organization.is_active = False
        organization.save()
        self._assert_download("inactive", 403, user)

    def test_shared_image_is_for_whoever_manages_an_organization(self):
        self._share()
        other = self._create_org(name="other", slug="other")
        self._assert_download("shared", 200, self._create_operator([other]))

    def test_shared_image_is_for_nobody_else(self):
        self._share()
        self._assert_download("nobody", 403, self._download_user("n", permission=True))
        user = self._download_user("unpermitted", self._get_org())
        self._assert_download("unpermitted", 403, user)
        user = self._download_user("member", permission=True)
        self._create_org_user(user=user, organization=self._get_org(), is_admin=False)
        self._assert_download("member", 403, user)

    def _permissions(self, verb):
        from django.contrib.auth.models import Permission

        options = load_model("FirmwareImage")._meta
        return Permission.objects.filter(
            content_type__app_label=options.app_label,
            codename=f"{verb}_{options.model_name}",
        )

    def _view(self, **kwargs):
        request = RequestFactory().get("/")
        request.user = self._get_admin()
        return views.firmware_image_download(request, **kwargs)

    def test_look_up_by_primary_key(self):
        from django.http import Http404

        pk, build = str(self.image.pk), self.image.build_id
        for kwargs in ({"pk": pk}, {"pk": pk, "build_pk": build}):
            self.assertEqual(self._view(**kwargs).getvalue(), self.content)
        other = self._create_build(version="other")
        for kwargs in (
            {"pk": pk, "build_pk": other.pk},
            {"pk": str(other.pk)},
            {"pk": "malformed"},
            {"pk": "a\x00b"},
            {"pk": pk, "build_pk": "malformed"},
        ):
            with self.subTest(kwargs=kwargs), self.assertRaises(Http404):
                self._view(**kwargs)

    def test_headers(self):
        response = self._get()
        self.assertEqual(response.getvalue(), self.content)
        name = os.path.basename(self.image.file.name)
        expected = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(self.content)),
            "Content-Disposition": f'attachment; filename="{name}"',
            "ETag": f'"{self.image.checksum}"',
            "Accept-Ranges": "bytes",
            "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
            "Cache-Control": "max-age=0, no-cache, must-revalidate, proxy-revalidate",
        }
        for header, value in expected.items():
            self.assertEqual(response.headers[header], value, header)
        self.assertIn("GMT", response.headers["Last-Modified"])
        head = self._get("head")
        self.assertEqual((head.status_code, head.content), (200, b""))
        same = {**head.headers}
        self.assertEqual(same, {**response.headers})

    def test_file_the_client_has(self):
        first = self._get()
        first.getvalue()
        etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
        for headers in (
            {"if-none-match": etag},
            {"if-none-match": f'"x", W/{etag}'},
            {"if-modified-since": modified},
        ):
            response = self._get(**headers)
            self.assertEqual((response.status_code, response.content), (304, b""))
            self.assertEqual(response.headers["ETag"], etag)
        self.assertEqual(self._get(**{"if-none-match": '"x"'}).status_code, 200)
        self.assertEqual(self._get(**{"if-match": '"x"'}).status_code, 412)

    def test_parts(self):
        size = len(self.content)
        for asked, start, stop in (
            ("bytes=0-0", 0, 1),
            ("bytes=100-199", 100, 200),
            ("bytes=1000-", 1000, size),
            ("bytes=-10", size - 10, size),
            (f"bytes=5-{size * 2}", 5, size),
        ):
            with self.subTest(range=asked):
                response = self._get(range=asked)
                self.assertEqual(response.status_code, 206)
                self.assertEqual(response.getvalue(), self.content[start:stop])
                self.assertEqual(
                    response.headers["Content-Range"],
                    f"bytes {start}-{stop - 1}/{size}",
                )
                self.assertEqual(response.headers["Content-Length"], str(stop - start))

    def test_part_beyond_the_end(self):
        response = self._get(range=f"bytes={len(self.content)}-")
        self.assertEqual(response.status_code, 416)
        self.assertEqual(
            response.headers["Content-Range"], f"bytes */{len(self.content)}"
        )

    def test_ranges_that_are_not_heeded(self):
        for asked in (
            "bytes=0-1,5-6",
            "lines=1-2",
            "bytes=x-y",
            "bytes=5-2",
            "bytes=-",
        ):
            response = self._get(range=asked)
            self.assertEqual(response.status_code, 200, asked)
            self.assertEqual(response.getvalue(), self.content)

    def test_part_of_another_file_is_the_whole(self):
        first = self._get()
        first.getvalue()
        for condition in (first.headers["ETag"], first.headers["Last-Modified"]):
            response = self._get(**{"range": "bytes=0-9", "if-range": condition})
            self.assertEqual(len(response.getvalue()), 10, condition)
        for condition in ('"x"', 'W/"x"', "Thu, 01 Jan 1970 00:00:00 GMT", "x"):
            response = self._get(**{"range": "bytes=0-9", "if-range": condition})
            self.assertEqual(response.getvalue(), self.content, condition)

    def test_image_that_was_never_measured(self):
        expected = self.image.checksum
        type(self.image).objects.update(checksum="", size=None)
        self.assertEqual(self._get().headers["ETag"], f'"{expected}"')
        self.image.refresh_from_db()
        self.assertEqual(self.image.checksum, expected)
        self.assertEqual(self.image.size, len(self.content))

    def test_file_that_is_not_the_one_measured_has_no_etag(self):
        with open(self.image.file.path, "ab") as file:
            file.write(b"x")
        response = self._get()
        self.assertNotIn("ETag", response.headers)
        self.assertEqual(response.getvalue(), self.content + b"x")

    def test_web_servers_are_left_to_it(self):
        with override_settings(
            PRIVATE_STORAGE_SERVER="nginx", PRIVATE_STORAGE_INTERNAL_URL="/internal/"
        ):
            response = self._get(range="bytes=0-9")
        self.assertEqual((response.status_code, response.content), (200, b""))
        self.assertEqual(
            response.headers["X-Accel-Redirect"], f"/internal/{self.image.file.name}"
        )
        self.assertIn("attachment", response.headers["Content-Disposition"])
        self.assertNotIn("ETag", response.headers)
        with override_settings(PRIVATE_STORAGE_SERVER="apache"):
            response = self._get()
        self.assertEqual(response.headers["X-Sendfile"], self.image.file.path)

    def test_servers_by_their_path(self):
        with override_settings(PRIVATE_STORAGE_SERVER=f"{__name__}.OtherServer"):
            self.assertEqual(self._get().content, b"other server")
        own = f"{servers.__name__}.FirmwareImageServer"
        for name in (own, "django", "streaming"):
            with override_settings(PRIVATE_STORAGE_SERVER=name):
                self.assertEqual(self._get().getvalue(), self.content)

    def _big(self, size):
        build = self._create_build(version="big")
        file = SimpleUploadedFile("big.bin", b"")
        image = self._create_firmware_image(
            build=build, file=file, type=self.TPLINK_4300_IL_IMAGE
        )
        with open(image.file.path, "wb") as sparse:
            sparse.truncate(size)
        return image

    def test_memory_does_not_grow_with_the_image(self):
        image = self._big(64 * MIB)
        user = self._get_admin()

        def under_wsgi():
            request = RequestFactory().get("/")
            request.user = user
            response = views.firmware_image_download(request, pk=image.pk)
            return sum(map(len, response))

        def under_asgi():
            request = AsyncRequestFactory().get("/")
            request.user = user
            response = views.firmware_image_download(request, pk=image.pk)
            return async_to_sync(self._length)(response)

        for read in (under_wsgi, under_asgi):
            with self.subTest(read=read.__name__):
                tracemalloc.start()
                try:
                    self.assertEqual(read(), 64 * MIB)
                    _now, peak = tracemalloc.get_traced_memory()
                finally:
                    tracemalloc.stop()
                self.assertLess(peak, 2 * MIB)

    async def _length(self, response):
        length = 0
        async for piece in response:
            length += len(piece)
            await asyncio.sleep(0)
        # the whole response would close the database connection of the test
        for close in response._resource_closers:
            close()
        return length


class TestRanges(SimpleTestCase):
    def test_empty_file(self):
        self.assertIsNone(asked_range("", 0))
        for header in ("bytes=0-", "bytes=0-0", "bytes=-1"):
            with self.assertRaises(RangeNotSatisfiable):
                asked_range(header, 0)

    def test_last_no_bytes(self):
        with self.assertRaises(RangeNotSatisfiable):
            asked_range("bytes=-0", 10)

    def test_more_than_there_is_at_the_end(self):
        self.assertEqual(asked_range("bytes=-100", 10), (0, 10))
