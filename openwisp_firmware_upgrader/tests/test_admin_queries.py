"""Pages of the admin cost the same with one row and with thirty of everything."""

from django.core.cache import cache
from django.db import connection
from django.test import TestCase, tag
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from swapper import load_model as load_any_model

from ..hardware import FIRMWARE_IMAGE_MAP
from ..swapper import load_model
from .test_admin import BaseTestAdmin

Device = load_any_model("config", "Device")
ROWS = 30
# of design and contract, at most
BUDGETS = {
    "confirmation": 12,
    "batchupgradeoperation change": 20,
    "batchupgradeoperation changelist": 5,
    "upgradeoperation changelist": 15,
}


@tag("heavy")
class TestQueries(BaseTestAdmin, TestCase):
    """Walks all pages of our models, the device page and the dashboard."""

    maxDiff = None

    def _grow(self, numbers):
        """Adds a row of every kind for each number."""
        types = sorted(FIRMWARE_IMAGE_MAP)
        for number in numbers:
            category = self._create_category(name=f"category {number}")
            load_model("Build").objects.create(category=category, version="1")
            image = load_model("FirmwareImage").objects.create(
                build=self.build, type=types[number], file=f"none/{number}.bin"
            )
            device = self._device(number, image)
            batch = load_model("BatchUpgradeOperation").objects.create(
                build=self.build, status="failed", launched=True
            )
            self._add_operations(number, device, image, batch)
            self._create_device_group(name=f"group {number}")
            self._create_location(name=f"location {number}")
            self._create_org(name=f"org {number}", slug=f"org-{number}")
        self.batch.calculate_and_update_status()

    def _device(self, number, image):
        device = Device.objects.create(
            name=f"device{number}",
            organization=self._get_org(),
            mac_address=f"00:00:00:00:01:{number:02x}",
            model=image.boards[0],
            os="unknown",
        )
        self._create_config(device=device)
        self._create_device_connection(
            device=device, credentials=self._get_credentials(organization=None)
        )
        old = self.images.get(image.boards[0]) or image
        load_model("DeviceFirmware").objects.bulk_create(
            [load_model("DeviceFirmware")(device=device, image=old, installed=False)]
        )
        return device

    def _add_operations(self, number, device, image, batch):
        model = load_model("UpgradeOperation")
        common = {"image": image, "status": "failed", "log": f"line {number}"}
        model.objects.bulk_create(
            [
                model(device=device, batch=self.batch, **common),
                model(device=self.device, batch=None, **common),
                model(device=self.device, batch=batch, **common),
            ]
        )

    def setUp(self):
        super().setUp()
        category = self._create_category()
        self.build = self._create_build(category=category, version="2")
        self.images = {}
        self.batch = load_model("BatchUpgradeOperation").objects.create(
            build=self.build, status="failed", launched=True
        )
        first = load_model("FirmwareImage").objects.create(
            build=self.build, type=self.TPLINK_4300_IMAGE, file="none/first.bin"
        )
        self.device = self._device(255, first)
        self._create_administrator([self._get_org()])
        types = sorted(FIRMWARE_IMAGE_MAP)
        self.numbers = [
            n for n, name in enumerate(types) if name != self.TPLINK_4300_IMAGE
        ]

    def _pages(self):
        operation = self.device.upgradeoperation_set.filter(batch=None).first()
        objects = {
            "category": self.build.category,
            "build": self.build,
            "batchupgradeoperation": self.batch,
            "upgradeoperation": operation,
        }
        for model, obj in objects.items():
            yield f"{model} changelist", self._url(model, "changelist")
            yield f"{model} change", self._url(model, "change", obj.pk)
            yield f"{model} history", self._url(model, "history", obj.pk)
            yield f"{model} delete", self._url(model, "delete", obj.pk)
        yield "category add", self._url("category", "add")
        yield "build add", self._url("build", "add")
        yield "category recoverlist", self._url("category", "recoverlist")
        yield from self._our_views(operation)
        prefix = f"admin:{self.config_app_label}_device"
        yield "device list", reverse(f"{prefix}_changelist")
        yield "device page", reverse(f"{prefix}_change", args=[self.device.pk])
        yield "dashboard", reverse("admin:index")

    def _our_views(self, operation):
        batch, build = self.batch.pk, self.build.pk
        yield "state", self._url("upgradeoperation", "state", operation.pk)
        url = self._url("upgradeoperation", "device_state", self.device.pk)
        yield "device state", url
        yield "batch state", self._url("batchupgradeoperation", "state", batch)
        yield "csv", self._url("batchupgradeoperation", "csv", batch)
        yield "candidates", self._url("build", "candidates", build)
        yield "choices", self._url("build", "choices", build, "group")

    def _count(self, user):
        self._login(user)
        found = {}
        for name, url in self._pages():
            self.client.get(url)
            with CaptureQueriesContext(connection) as queries:
                response = self.client.get(url)
                if response.streaming:
                    list(response.streaming_content)
            self.assertEqual(response.status_code, 200, (name, user))
            if name.endswith(" delete"):
                self.assertNotContains(response, " object (")
            found[name] = len(queries)
        with CaptureQueriesContext(connection) as queries:
            response = self._launch(self.build)
        self.assertContains(response, 'name="upgrade_all"')
        found["confirmation"] = len(queries)
        return found

    def _see_names(self):
        """Whoever deletes reads names, those of devices first of all."""
        self._login("admin")
        response = self.client.get(self._url("build", "delete", self.build.pk))
        row = self.device.devicefirmware
        self.assertContains(response, f"Device Firmware: {row.device}: {row.image}")
        self.assertEqual(str(type(row).objects.get(pk=row.pk)).count("object ("), 0)

    def test_pages_do_not_cost_more_with_rows(self):
        self._grow(self.numbers[:1])
        users = ("admin", "administrator")
        few = {user: self._count(user) for user in users}
        self._grow(self.numbers[1:ROWS])
        cache.clear()
        self._see_names()
        many = {user: self._count(user) for user in users}
        for user in users:
            self.assertEqual(few[user], many[user], user)
            for page, budget in BUDGETS.items():
                limit = budget if user == "admin" else budget + 3
                self.assertLessEqual(many[user][page], limit, (user, page))
