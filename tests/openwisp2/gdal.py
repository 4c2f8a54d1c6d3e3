"""Finds GDAL where the system has none."""

from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path


def find_gdal() -> str | None:
    """Returns the path of the library in pyogrio's wheel.

    None without pyogrio, or where Django finds GDAL in the system.
    """
    spec = find_spec("pyogrio")
    if spec is None or spec.origin is None or find_library("gdal"):
        return None
    # beside the package, named after its version
    libraries = Path(spec.origin).parents[1] / "pyogrio.libs"
    return next(map(str, libraries.glob("libgdal*.so*")), None)
