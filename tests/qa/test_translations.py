"""The catalogues hold every text, translated and compiled."""

import gettext
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "openwisp_firmware_upgrader"
CATALOGUES = sorted(PACKAGE.glob("locale/*/LC_MESSAGES/*.po"))
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|\{[\w.]+\}")

needs_gettext = pytest.mark.skipif(
    shutil.which("msgfmt") is None, reason="gettext is not installed"
)


def compiled(path):
    with path.open("rb") as file:
        found = gettext.GNUTranslations(file)._catalog
    return {text: words for text, words in found.items() if text}


def statistics(path):
    command = ["msgfmt", "--check-format", "--statistics", "-o", os.devnull, str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return answer.stderr


def test_italian_has_both_domains():
    names = {f"{path.parts[-3]}/{path.name}" for path in CATALOGUES}
    assert {"it/django.po", "it/djangojs.po"} <= names


@needs_gettext
@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_nothing_is_untranslated_or_fuzzy(path):
    assert re.fullmatch(r"\d+ translated messages\.\n", statistics(path))


@needs_gettext
def test_catalogues_are_collected_and_compiled(tmp_path):
    for name in ("openwisp_firmware_upgrader", "scripts"):
        ignored = shutil.ignore_patterns("__pycache__", "tests")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    admin = Path(sys.executable).with_name("django-admin")
    program = tmp_path / "scripts" / "update-translations"
    environment = {**os.environ, "DJANGO_ADMIN": str(admin)}
    subprocess.run([str(program)], env=environment, check=True, capture_output=True)
    for path in CATALOGUES:
        fresh = tmp_path / path.relative_to(ROOT)
        assert re.fullmatch(r"\d+ translated messages\.\n", statistics(fresh)), (
            "run scripts/update-translations and translate what is empty"
        )
        assert compiled(fresh.with_suffix(".mo")) == compiled(path.with_suffix(".mo"))


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_placeholders_are_the_same(path):
    for text, words in compiled(path.with_suffix(".mo")).items():
        original = text[0] if isinstance(text, tuple) else text
        expected = set(PLACEHOLDER.findall(original))
        assert set(PLACEHOLDER.findall(words)) == expected, original
