"""Where image files are kept, and how they are downloaded."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Returns the view, which can be imported only once all apps are loaded."""
    if name == "FirmwareImageDownloadView":
        from .views import FirmwareImageDownloadView  # noqa: PLC0415 see above

        return FirmwareImageDownloadView
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
