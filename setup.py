"""Packaging of openwisp-firmware-upgrader."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
PACKAGE = "openwisp_firmware_upgrader"
STAGES = {"alpha": "a0", "beta": "b0", "final": ""}


def read_version():
    """Returns the version of the package as pip spells it."""
    text = (ROOT / PACKAGE / "__init__.py").read_text()
    found = re.search(r'VERSION = \((\d+), (\d+), (\d+), "(\w+)"\)', text)
    return ".".join(found.groups()[:3]) + STAGES[found.group(4)]


def read_requirements(name):
    """Returns the requirements of a file, without its comments."""
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


setup(
    name="openwisp-firmware-upgrader",
    version=read_version(),
    license="GPL-3.0-only",
    author="OpenWISP firmware upgrader contributors",
    description="Upgrades the firmware of fleets of OpenWrt devices and proves it",
    long_description=(ROOT / "README.rst").read_text(),
    long_description_content_type="text/x-rst",
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    include_package_data=True,
    zip_safe=False,
    install_requires=read_requirements("requirements.txt"),
    extras_require={
        "prometheus": ["prometheus_client>=0.20,<1"],
        "testing": ["asyncssh>=2.17,<3"],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Web Environment",
        "Framework :: Django :: 5.1",
        "Framework :: Django :: 5.2",
        "Intended Audience :: System Administrators",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3 :: Only",
        "Topic :: System :: Networking",
    ],
)
