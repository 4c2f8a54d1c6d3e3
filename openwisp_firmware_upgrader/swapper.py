"""The models of this app, which a derived app may replace."""

from __future__ import annotations

from typing import Any

from swapper import get_model_name as swapper_get_model_name
from swapper import load_model as swapper_load_model

APP_LABEL = "firmware_upgrader"


def load_model(model: str) -> Any:
    """Returns the model class in force for ``model``, such as "Build"."""
    return swapper_load_model(APP_LABEL, model)


def get_model_name(model: str) -> str:
    """Returns the name in force for ``model``, such as "firmware_upgrader.Build"."""
    return swapper_get_model_name(APP_LABEL, model)
