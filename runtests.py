#!/usr/bin/env python3
"""The plain Django runner: ``./runtests.py [label…] [options of manage.py test]``.

``SAMPLE_APP=1`` runs the tests with the swapped models of the sample app.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main(arguments: list[str]) -> None:
    """Runs the tests named by ``arguments``, all tests of the app by default."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp2.settings")
    os.environ.setdefault("TESTING", "1")
    from django.core.management import execute_from_command_line

    if not any(argument.startswith("openwisp") for argument in arguments):
        sample = os.environ.get("SAMPLE_APP") == "1"
        labels = ["openwisp_firmware_upgrader", *(["openwisp2"] if sample else [])]
        arguments = [*labels, *arguments]
    execute_from_command_line([sys.argv[0], "test", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
