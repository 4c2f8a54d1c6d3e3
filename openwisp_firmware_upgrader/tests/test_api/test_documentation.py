"""The OpenAPI document: complete, without a warning, and true."""

import json
import warnings

import jsonschema
from django.test import TestCase
from django.urls import reverse
from drf_yasg import openapi
from drf_yasg.generators import OpenAPISchemaGenerator

from ...swapper import load_model
from ...urls import urlpatterns
from .base import TestAPIUpgraderMixin

PREFIX = "/firmware-upgrader/"
Batch = load_model("BatchUpgradeOperation")


def in_draft_4(schema):
    """Returns a schema of Swagger 2 as JSON schema: null is a type there."""
    if isinstance(schema, list):
        return [in_draft_4(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: in_draft_4(part) for key, part in schema.items()}
    if found.pop("x-nullable", False):
        return {"anyOf": [found, {"type": "null"}]}
    return found


class TestDocumentation(TestAPIUpgraderMixin, TestCase):
    def _document(self):
        self.client.force_login(self._get_admin())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            response = self.client.get(reverse("schema-json", args=[".json"]))
        self.assertEqual(response.status_code, 200)
        return json.loads(response.content)

    def _operations(self, document):
        for path, methods in document["paths"].items():
            if path.startswith(PREFIX):
                for method, operation in methods.items():
                    if method != "parameters":
                        yield path, method, operation

    def test_pages_need_a_session(self):
        url = reverse("schema-swagger-ui")
        self._login_superuser()
        self._get(url, 403)
        self._login(None)
        self.client.force_login(self._get_admin())
        self._get(url)
        operator = self._create_operator([self.org])
        self.client.force_login(operator)
        self._document()

    def test_generated_without_a_warning(self):
        self._login(None)
        # those of the other apps warn
        generator = OpenAPISchemaGenerator(
            openapi.Info(title="firmware", default_version="v1"), patterns=urlpatterns
        )
        with (
            self.assertNoLogs("drf_yasg", "WARNING"),
            self.assertNoLogs("openwisp_firmware_upgrader", "WARNING"),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error")
            generator.get_schema(None, public=True)
        found = list(self._operations(self._document()))
        self.assertEqual(len({path for path, *_rest in found}), 19)
        self.assertEqual(len(found), 35)

    def test_complete(self):
        self._login(None)
        document = self._document()
        for path, method, operation in self._operations(document):
            with self.subTest(path=path, method=method):
                self.assertTrue(operation.get("summary") or operation["description"])
                for parameter in operation["parameters"]:
                    if parameter["in"] == "query":
                        self.assertTrue(parameter.get("description"), parameter)
                responses = operation["responses"]
                self.assertTrue({"401", "403", "429"} <= set(responses))
                self.assertTrue(any(code.startswith("2") for code in responses))
                for code, response in responses.items():
                    self.assertTrue(response["description"] or code[0] == "2")
                    if code[0] in "45" and code != "416":
                        self.assertIn("example", response["schema"], code)
                for parameter in operation["parameters"]:
                    if parameter["in"] == "body":
                        name = parameter["schema"]["$ref"].rsplit("/", 1)[-1]
                        self.assertIn("example", document["definitions"][name])

    def _check(self, document, path, method, response):
        operation = document["paths"][path][method]
        code = str(response.status_code)
        self.assertIn(code, operation["responses"], f"{method} {path}")
        schema = operation["responses"][code].get("schema")
        if schema is None:
            self.assertEqual(response.content, b"")
            return
        whole = {**in_draft_4(schema), "definitions": self.definitions}
        jsonschema.Draft4Validator(whole).validate(json.loads(response.content))

    def test_true(self):
        self._login(None)
        document = self._document()
        self.definitions = in_draft_4(document["definitions"])
        self.client.logout()
        env = self._create_upgrade_env(upgrade_operation=True)
        batch = Batch.objects.create(build=env["build2"])
        self._operation(env["d1"], batch=batch, status="failed")
        self._operation(env["d1"], env["image2a"], batch=batch, status="failed")
        self._shared_build()
        self._login_superuser()
        operation = batch.upgradeoperation_set.filter(image=None).get()
        retryable = batch.upgradeoperation_set.exclude(image=None).get()
        build, image = env["build2"].pk, env["image2a"]
        device = env["d1"].pk
        category = env["category"].pk
        firmware = f"device/{device}/firmware/"
        put = {"image": str(image.pk)}
        retry = f"upgrade-operation/{retryable.pk}/retry/"
        calls = (
            ("get", "build/", "build/", {}),
            ("post", "build/", "build/", {"version": "9", "category": str(category)}),
            ("post", "build/", "build/", {}),
            ("get", "build/{id}/", f"build/{build}/", {}),
            ("put", "build/{id}/", f"build/{build}/", {}),
            ("patch", "build/{id}/", f"build/{build}/", {"changelog": "x"}),
            ("get", "build/{id}/upgrade/", f"build/{build}/upgrade/", {}),
            ("get", "build/{id}/upgrade/", f"build/{build}/upgrade/?summary=1", {}),
            ("get", "build/{id}/upgrade/", f"build/{build}/upgrade/?group=x", {}),
            ("post", "build/{id}/upgrade/", f"build/{build}/upgrade/", {}),
            ("post", "build/{id}/upgrade/", f"build/{build}/upgrade/", {"group": 1}),
            ("get", "build/{build_pk}/image/", f"build/{build}/image/", {}),
            ("post", "build/{build_pk}/image/", f"build/{build}/image/", {}),
            (
                "get",
                "build/{build_pk}/image/{id}/",
                f"build/{build}/image/{image.pk}/",
                {},
            ),
            ("get", "category/", "category/", {}),
            ("get", "category/{id}/", f"category/{category}/", {}),
            ("get", "image-type/", "image-type/", {}),
            ("get", "batch-upgrade-operation/", "batch-upgrade-operation/", {}),
            (
                "get",
                "batch-upgrade-operation/{id}/",
                f"batch-upgrade-operation/{batch.pk}/",
                {},
            ),
            (
                "post",
                "batch-upgrade-operation/{id}/cancel/",
                f"batch-upgrade-operation/{batch.pk}/cancel/",
                {},
            ),
            (
                "post",
                "batch-upgrade-operation/{id}/cancel/",
                f"batch-upgrade-operation/{batch.pk}/cancel/",
                {},
            ),
            (
                "post",
                "batch-upgrade-operation/{id}/retry/",
                f"batch-upgrade-operation/{batch.pk}/retry/",
                {},
            ),
            ("get", "upgrade-operation/", "upgrade-operation/", {}),
            (
                "get",
                "upgrade-operation/{id}/",
                f"upgrade-operation/{operation.pk}/",
                {},
            ),
            ("post", "upgrade-operation/{id}/retry/", retry, {}),
            ("post", "upgrade-operation/{id}/cancel/", retry[:-6] + "cancel/", {}),
            (
                "delete",
                "upgrade-operation/{id}/",
                f"upgrade-operation/{operation.pk}/",
                {},
            ),
            (
                "get",
                "device/{id}/upgrade-operation/",
                f"device/{device}/upgrade-operation/",
                {},
            ),
            ("get", "device/{id}/firmware/", firmware, {}),
            ("put", "device/{id}/firmware/", firmware, put),
            ("patch", "device/{id}/firmware/", f"{firmware}?conflict=reject", put),
            ("delete", "device/{id}/firmware/", firmware, {}),
        )
        for method, template, path, data in calls:
            url = f"/api/v1{PREFIX}{path}"
            with self.subTest(method=method, path=path):
                send = getattr(self.client, method)
                if method == "get":
                    response = send(url)
                else:
                    response = send(url, data, content_type="application/json")
                self._check(document, PREFIX + template, method, response)
        self._login_foreign()
        for method, template, path, _data in calls:
            if method == "get" and "{id}" in template:
                response = self.client.get(f"/api/v1{PREFIX}{path}")
                self._check(document, PREFIX + template, method, response)
