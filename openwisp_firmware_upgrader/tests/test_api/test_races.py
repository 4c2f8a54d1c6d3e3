"""Requests at the same time, on a database that lets them run so."""

import json
from threading import Barrier, Thread

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import TransactionTestCase, skipUnlessDBFeature
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from ...swapper import load_model
from .base import TestAPIUpgraderMixin

REQUESTS = 6


def encode(image_type):
    """Returns the body of an upload and its content type."""
    file = SimpleUploadedFile(f"openwrt-{image_type}", b"x" * 100_000)
    body = encode_multipart(BOUNDARY, {"type": image_type, "file": file})
    return body, MULTIPART_CONTENT


@skipUnlessDBFeature("has_select_for_update")
class TestRaces(TestAPIUpgraderMixin, TransactionTestCase):
    def setUp(self):
        super().setUp()
        # groups have no permissions any more once tables were flushed
        self._login_superuser()

    def _at_once(self, method, url, data, content_type="application/json", **headers):
        """Returns the statuses of the same request sent several times at once."""
        data = data if isinstance(data, bytes) else json.dumps(data)
        found, start = [], Barrier(REQUESTS)
        headers = {**self.client.defaults, **headers}

        def send():
            client = self.client_class(**headers)
            start.wait()
            response = client.generic(method, url, data, content_type=content_type)
            found.append((response.status_code, response.content))
            connection.close()

        threads = [Thread(target=send) for _number in range(REQUESTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def test_conflicts(self):
        env = self._create_upgrade_env()
        url = self._url("devicefirmware_detail", env["d1"].pk)
        data = {"image": str(env["image2a"].pk)}
        found = self._at_once("PUT", f"{url}?conflict=reject", data)
        statuses = sorted(status for status, _content in found)
        self.assertEqual(statuses, [200] + [409] * (REQUESTS - 1))
        operations = load_model("UpgradeOperation").objects
        self.assertEqual(operations.filter(device=env["d1"]).count(), 1)

    def test_first_images(self):
        env = self._create_upgrade_env(device_firmware=False)
        url = self._url("devicefirmware_detail", env["d1"].pk)
        data = {"image": str(env["image2a"].pk)}
        found = self._at_once("PUT", f"{url}?conflict=reject", data)
        statuses = sorted({status for status, _content in found})
        self.assertEqual(statuses, [201, 409])
        self.assertEqual(load_model("UpgradeOperation").objects.count(), 1)

    def test_launches_with_one_key(self):
        env = self._create_upgrade_env()
        url = self._url("build_batch_upgrade", env["build2"].pk)
        found = self._at_once("POST", url, {}, HTTP_IDEMPOTENCY_KEY="one")
        self.assertEqual({status for status, _content in found}, {201})
        self.assertEqual(len({content for _status, content in found}), 1)
        self.assertEqual(load_model("BatchUpgradeOperation").objects.count(), 1)

    def test_uploads_of_one_type(self):
        build = self._create_build()
        url = self._url("firmware_list", build.pk)
        content, kind = encode(self.TPLINK_4300_IMAGE)
        found = self._at_once("POST", url, content, content_type=kind)
        statuses = sorted(status for status, _content in found)
        self.assertEqual(statuses, [201] + [400] * (REQUESTS - 1))
        image = load_model("FirmwareImage").objects.get()
        self.assertEqual(
            image.file.storage.listdir(str(build.pk))[1],
            [image.file.name.rpartition("/")[2]],
        )
