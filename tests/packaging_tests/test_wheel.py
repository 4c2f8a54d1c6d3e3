"""The wheel alone, in a clean virtual environment, with a project of its own."""

from __future__ import annotations

import shutil

import pytest
from stack.project import TESTS
from stack.wheel import build_wheel, checked, make_environment, run

pytestmark = pytest.mark.slow
SCRIPT = """
import django, openwisp_firmware_upgrader
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client

print("package", openwisp_firmware_upgrader.__file__)
admin = get_user_model().objects.create_superuser("admin", "a@example.com", "x")
client = Client()
client.force_login(admin)
for model in ("category", "build", "batchupgradeoperation"):
    response = client.get(f"/admin/firmware_upgrader/{model}/")
    print("page", model, response.status_code)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a project and an environment that has the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build_wheel(folder)
    project = folder / "project"
    shutil.copytree(TESTS / "openwisp2", project / "openwisp2")
    shutil.rmtree(project / "openwisp2" / "sample_firmware_upgrader")
    shutil.copy(TESTS / "manage.py", project)
    return project, make_environment(folder / "env", wheel)


def test_project_works(place):
    project, python = place
    env = {
        "DJANGO_SETTINGS_MODULE": "openwisp2.settings",
        "TESTING": "1",
        "FIRMWARE_SQLITE_NAME": str(project / "db.sqlite3"),
        "PRIVATE_STORAGE_ROOT": str(project / "private"),
    }
    for command in (
        ["check"],
        ["makemigrations", "--check", "--dry-run"],
        ["migrate", "-v0"],
        ["collectstatic", "--noinput", "-v0"],
    ):
        checked(run([python, "manage.py", *command], project, **env))
    out = checked(run([python, "-c", SCRIPT], project, **env)).stdout
    # not the checkout's
    (line,) = [row for row in out.splitlines() if row.startswith("package ")]
    assert str(python.parents[1]) in line
    assert out.count("200") == 3, out


def test_package_tests_run_from_the_wheel(place):
    project, python = place
    env = {"DJANGO_SETTINGS_MODULE": "openwisp2.settings", "TESTING": "1"}
    label = "openwisp_firmware_upgrader.tests"
    labels = [f"{label}.test_checks", f"{label}.test_proof", f"{label}.test_launch"]
    done = checked(run([python, "manage.py", "test", *labels], project, **env))
    assert "OK" in done.stderr


def test_simulated_fleet_runs_from_the_wheel(place):
    project, python = place
    code = (
        "from openwisp_firmware_upgrader.testing import Fleet\n"
        "with Fleet(devices=2) as fleet: print(len(fleet.addresses()))"
    )
    assert checked(run([python, "-c", code], project)).stdout.strip() == "2"
