"""What a row of the page of a mass upgrade shows beside the four columns."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from swapper import load_model as load_any_model

from ...protocols import Operation, PrimaryKey
from ..shared.page_data import admin_url


def with_links(operations: QuerySet[Operation]) -> list[Operation]:
    """Returns the operations of a page, each with its links and last log line."""
    found = list(operations)
    for operation in found:
        operation.admin_url = admin_url("UpgradeOperation", "change", operation.pk)
        operation.device_url = device_page(operation.device_id)
        operation.last_line = last_line(getattr(operation, "log_tail", ""))
    return found


def device_page(pk: PrimaryKey) -> str:
    """Returns the address of a device's page."""
    options = load_any_model("config", "Device")._meta  # noqa: SLF001 documented
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[pk])


def last_line(log: str) -> str:
    """Returns the last line of a log, "" of an empty one."""
    lines = log.strip().splitlines()
    return lines[-1] if lines else ""
