"""The examples of the documentation do what it says, on a live server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.usefixtures("project"), pytest.mark.real_clock]
DOCS = Path(__file__).resolve().parents[2] / "docs" / "user"
BLOCK = r"\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)"


def code(page, language):
    """Returns the code of a language on a page, as one program."""
    text = (DOCS / page).read_text()
    found = re.findall(BLOCK.format(language=language), text)
    assert found, f"no {language} on {page}"
    return "\n".join(dedent(block) for block in found)


def run(command, folder, env):
    """Runs a program and returns its output."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_route_is_documented(project):
    from .matrix.rest import routes

    text = (DOCS / "rest-api.rst").read_text()
    for name, pattern in routes().items():
        if name != "serve_private_file":
            path = re.sub(r"<[^>]+>", "{id}", str(pattern.pattern).lstrip("^"))
            assert f"``{path}``" in text, name


def words(page):
    """Returns all words of a page that are set as code."""
    return set(re.findall(r"[\w-]+", " ".join(re.findall(r"``(.+?)``", page, re.S))))


def test_every_filter_is_documented(project):
    from openwisp_firmware_upgrader.api import filters

    known = words((DOCS / "rest-api.rst").read_text())
    for name, found in vars(filters).items():
        if name.endswith("Filter") and hasattr(found, "base_filters"):
            missing = set(found.base_filters) - known
            assert missing == set(), name


def test_every_socket_is_documented(project):
    from openwisp_firmware_upgrader.routing import websocket_urlpatterns

    text = (DOCS / "websocket-api.rst").read_text()
    for pattern in websocket_urlpatterns:
        path = re.sub(r"<[^>]+>", "{id}", str(pattern.pattern).lstrip("^"))
        assert f"``/{path}``" in text
    messages = "operation_update operation_progress batch_status batch_state error"
    assert set(messages.split()) | {"log_line"} <= words(text)


def test_examples(project, web, tmp_path):
    from stack import inventory

    from openwisp_firmware_upgrader.swapper import load_model
    from openwisp_firmware_upgrader.testing import make_image

    from . import people

    owner = inventory.organization("Examples")
    people.user("examples", organization=owner, group="Administrator")
    login = inventory.credentials(owner, 22)
    devices = []
    for number in range(2):
        devices.append(
            inventory.device(owner, uuid4(), "127.0.0.9", f"example-{number}")
        )
        inventory.connect(devices[-1], login)
    image = tmp_path / "openwrt.bin"
    image.write_bytes(make_image(65536, seed=1, version="2.0", revision="r2"))
    env = {
        "HOST": web.url,
        "USERNAME": "examples",
        "PASSWORD": "secret",
        "ORGANIZATION": str(owner.pk),
        "DEVICE": str(devices[0].pk),
        "IMAGE_FILE": str(image),
    }
    output = run(["bash", "-c", code("rest-api.rst", "bash")], tmp_path, env)
    operation = load_model("UpgradeOperation").objects.get(device=devices[0])
    assert operation.status == "cancelled"
    batch = load_model("BatchUpgradeOperation").objects.get(build=operation.image.build)
    assert batch.status == "cancelled"
    lines = output.splitlines()
    assert lines[:2] == ["304", "in-progress"]
    program = code("websocket-api.rst", "python")
    env["OPERATION"] = str(operation.pk)
    output = run([sys.executable, "-c", program], tmp_path, env)
    assert output == f"{operation.log}\nended: cancelled\n"
