"""Pages of the documentation, followed in an empty folder with the built wheel."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from stack.project import ROOT
from stack.wheel import build_wheel, run

PAGES = {
    "extending": (
        "project/settings.py (continued)",
        "myupgrader/models.py",
        "myupgrader/api_views.py",
    ),
    "custom-upgraders": (
        "acme/upgrader.py",
        "acme/simulator.py",
        "project/settings.py (continued)",
    ),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The built wheel."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def follow(page, wheel, folder, *options):
    """Follows a page in a folder that holds the wheel and nothing else."""
    place = folder / "empty"
    place.mkdir()
    shutil.copy(wheel, place)
    command = [sys.executable, ROOT / "docs" / "follow-extending", place]
    command += ["--page", ROOT / "docs" / "developer" / f"{page}.rst", *options]
    # "python3" is the one that runs the tests, which can load SpatiaLite
    first = Path(sys.executable).resolve().parent
    path = f"{first}{os.pathsep}{os.environ['PATH']}"
    return run(command, folder, PIP_NO_INDEX="1", PATH=path)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_page_leads_to_tests_that_pass(page, wheel, tmp_path):
    done = follow(page, wheel, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nOK" in done.stderr, done.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("page", "caption"),
    [(page, caption) for page, captions in PAGES.items() for caption in captions],
)
def test_no_block_is_superfluous(page, caption, wheel, tmp_path):
    done = follow(page, wheel, tmp_path, "--without", caption)
    assert done.returncode != 0, f"the page works without {caption}"
    assert "no block is called" not in done.stderr
