"""Images as files and on S3: uploaded, flashed, downloaded and deleted."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from stack import Process, Project
from stack.processes import descendants
from stack.project import BOOT, TESTS, free_port

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

MIB = 1024 * 1024
SMALL, BIG, ALLOWED = 4 * MIB, 120 * MIB, 20 * MIB
OLD = ("1.0", "r1")


class S3:
    """A server that speaks S3, on loopback."""

    def __init__(self, folder) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1"]
        self.log = folder / "s3.log"
        self.process = Process([*command, "-p", str(port)], self.log)
        self.process.wait_until(self._answers, "the S3 server", 60)

    def _answers(self) -> bool:
        return "Running on" in self.log.read_text(errors="replace")


class Story:
    """A project with one kind of storage and the steps of an image in it."""

    def __init__(self, kind: str, folder) -> None:
        settings = {}
        self.server = None
        if kind == "s3":
            self.server = S3(folder)
            settings["FIRMWARE_S3_ENDPOINT"] = self.server.url
        self.kind = kind
        self.project = Project("spatialite", settings)
        self.known: dict = {}

    def step(self, name: str, /, env=None, **given):
        """Runs a step and returns what it returned."""
        done = subprocess.run(
            [sys.executable, "-m", "storage_tests.story", name],
            input=json.dumps({**self.known, **given}),
            capture_output=True,
            text=True,
            check=False,
            cwd=TESTS,
            env=self.project.whole_environment(**(env or {})),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def stop(self) -> None:
        """Ends everything."""
        self.project.stop()
        if self.server is not None:
            self.server.process.stop()


@pytest.fixture(scope="module", params=["files", "s3"])
def story(request, tmp_path_factory):
    """The project with its devices."""
    made = Story(request.param, tmp_path_factory.mktemp("s3"))
    try:
        made.project.migrate()
        with FleetProcess(
            devices=2,
            boot_time=BOOT,
            release=release_of(*OLD),
            mem_available_kib=1024 * 1024,
            tmp_size_kib=512 * 1024,
        ) as fleet:
            made.fleet = fleet
            made.known = made.step(
                "prepare", port=fleet.port, devices=fleet.addresses()
            )
            yield made
    finally:
        made.stop()


def peak_of(pid: int) -> int:
    """Returns the largest resident set, in bytes, of a process tree."""
    peaks = []
    for each in descendants(pid):
        with open(f"/proc/{each}/status") as status:
            lines = [line for line in status if line.startswith("VmHWM:")]
        peaks += [int(line.split()[1]) * 1024 for line in lines]
    return max(peaks)


def upgrade(story, device: str):
    """Upgrades a device; returns its report once the operation succeeded."""
    end = story.step("end", **story.step("start", device=device))
    assert end["status"] == "success", end["log"]
    return story.fleet.device(device)


def test_no_migration_is_missing(story):
    out = story.project.manage("makemigrations", "--check", "--dry-run")
    assert "No changes detected" in out


def test_upload_upgrade_download(story):
    first, second = story.known["devices"]
    worker = story.project.worker(slots=2)
    try:
        small = story.step("upload", size=SMALL, name="small.bin")
        assert upgrade(story, first).flashes[0].size == SMALL
        before = peak_of(worker.process.pid)
        big = story.step("upload", size=BIG, name="big image.bin")
        assert upgrade(story, second).flashes[0].size == BIG
        grown = peak_of(worker.process.pid) - before
    finally:
        story.project.stop_workers()
    assert grown < ALLOWED, f"{grown / MIB:.1f} MiB more for the big image"
    for sent, size in ((small, SMALL), (big, BIG)):
        assert sent["checksum"] == sent["sha256"]
        assert sent["size"] == sent["stored"] == size
    # never a presigned URL, which everybody could use
    assert big["url"].startswith("/firmware/")
    got = story.step("download", url=big["url"], user="downloader")
    assert got["refused"] == 401
    assert got["status"] == 200
    assert got["sha256"] == big["sha256"]
    assert got["headers"]["Content-Length"] == str(BIG)
    assert got["largest"] <= MIB, "the file is not sent in pieces"
    assert story.step("exists", name=big["name"])


def test_reverse_proxy_sends_the_file(story):
    if story.kind == "s3":
        pytest.skip("a web server sends files only, S3 is streamed by Django")
    sent = story.step("upload", size=SMALL, name="proxied image.bin")
    for server, header in (("nginx", "X-Accel-Redirect"), ("apache", "X-Sendfile")):
        env = {"FIRMWARE_STORAGE_SERVER": server}
        got = story.step("download", env, url=sent["url"], user=server)
        assert got["refused"] == 401
        assert got["status"] == 200
        assert got["largest"] == 0, "Django sent the file itself"
        path = got["headers"][header]
        assert path.replace("%20", " ").endswith(sent["name"])
        if server == "nginx":
            assert path.startswith("/private-x-accel-redirect/")


def test_the_file_goes_with_its_image(story):
    old = story.known["old"]
    assert story.step("exists", **old)
    story.step("delete_image", **old)
    assert not story.step("exists", **old)


def test_the_file_goes_with_its_build(story):
    sent = story.step("upload", size=SMALL, name="last.bin")
    assert story.step("exists", name=sent["name"])
    story.step("delete_build")
    worker = story.project.worker(slots=1)
    try:
        story.step("deletion", name=sent["name"])
    finally:
        worker.kill()
        story.project.stop_workers()
