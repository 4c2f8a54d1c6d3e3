"""What the OpenAPI document tells of single operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.utils.decorators import method_decorator
from drf_yasg import openapi
from drf_yasg.utils import no_body, swagger_auto_schema

from ..protocols import JsonObject
from .schema import (
    CONFLICT,
    IDEMPOTENCY_KEY,
    STRING,
    UUID_EXAMPLE,
    errors,
    id_object,
    refused,
    text_object,
)

ViewClass = TypeVar("ViewClass", bound=type)

INTEGER, OBJECT = openapi.TYPE_INTEGER, openapi.TYPE_OBJECT


def documented(**methods: JsonObject) -> Callable[[ViewClass], ViewClass]:
    """Returns a class decorator that documents methods of a view by their names."""

    def decorate(view: ViewClass) -> ViewClass:
        for name, known in methods.items():
            decorator = swagger_auto_schema(**known)
            view = method_decorator(decorator, name=name)(view)
        return view

    return decorate


def _uuid(**kwargs: object) -> openapi.Schema:
    return openapi.Schema(type=STRING, format=openapi.FORMAT_UUID, **kwargs)


def _uuids() -> openapi.Schema:
    return openapi.Schema(
        type=openapi.TYPE_ARRAY, items=_uuid(), example=[UUID_EXAMPLE]
    )


def _numbers(*names: str, **more: openapi.Schema) -> openapi.Schema:
    numbers = {name: openapi.Schema(type=INTEGER, example=1) for name in names}
    return openapi.Schema(
        type=OBJECT, required=[*names, *more], properties={**numbers, **more}
    )


def _row(**properties: openapi.Schema) -> openapi.Schema:
    rows = openapi.Schema(type=OBJECT, required=list(properties), properties=properties)
    return openapi.Schema(type=openapi.TYPE_ARRAY, items=rows)


def _text(**kwargs: object) -> openapi.Schema:
    return openapi.Schema(type=STRING, **kwargs)


OPERATION = id_object("id")

IMAGE_COUNTS = _row(
    type=_text(example="ath79-generic-tplink_tl-wdr4300-v1-squashfs-sysupgrade.bin"),
    label=_text(example="TP-Link WDR4300 v1"),
    image=_uuid(),
    devices=openapi.Schema(type=INTEGER, example=12),
)
PREVIEW_ROWS = _row(
    device=_uuid(),
    name=_text(example="roof-12"),
    mac_address=_text(example="00:11:22:33:44:55"),
    device_firmware=_uuid(x_nullable=True),
    image_type=_text(),
    image=_uuid(x_nullable=True),
    problem=_text(
        x_nullable=True,
        enum=["no_matching_image", "already_running", "no_credentials"],
    ),
)
PREVIEW_ANSWER = openapi.Schema(
    type=OBJECT,
    description=(
        "The ids of what a launch is about. With summary=true instead: the counts, "
        "and the devices page by page."
    ),
    properties={
        "device_firmwares": _uuids(),
        "devices": _uuids(),
        "summary": _numbers(
            "total",
            "device_firmwares",
            "devices",
            "without_credentials",
            "without_matching_image",
            "already_running",
            "would_upgrade",
            image_types=IMAGE_COUNTS,
        ),
        "count": openapi.Schema(type=INTEGER, example=1),
        "next": openapi.Schema(type=STRING, format="uri", x_nullable=True),
        "previous": openapi.Schema(type=STRING, format="uri", x_nullable=True),
        "results": PREVIEW_ROWS,
    },
)


def _query(name: str, description: str, **kwargs: object) -> openapi.Parameter:
    return openapi.Parameter(
        name, openapi.IN_QUERY, description=description, **{"type": STRING, **kwargs}
    )


PAGES = [
    _query("page", "number of the page, or last"),
    _query("page_size", "rows of a page, at most 100", type=INTEGER),
]
PREVIEW = {
    "operation_summary": "What a mass upgrade to this build would do",
    "operation_description": "Nothing is stored.",
    "manual_parameters": [
        _query("group", "only devices of this group", format=openapi.FORMAT_UUID),
        _query("location", "only devices there", format=openapi.FORMAT_UUID),
        _query(
            "upgrade_all",
            "summary only: count devices whose firmware is not known",
            type=openapi.TYPE_BOOLEAN,
        ),
        _query(
            "summary",
            "counts and pages instead of ids",
            type=openapi.TYPE_BOOLEAN,
        ),
        *PAGES,
    ],
    "responses": {
        "200": openapi.Response("The preview.", PREVIEW_ANSWER),
        "400": openapi.Response(
            "The selection is not valid.",
            openapi.Schema(type=OBJECT, example={"group": ["Invalid pk"]}),
        ),
    },
}
LAUNCHED = openapi.Response("The new mass upgrade.", id_object("batch"))
LAUNCH = {
    "operation_summary": "Launch a mass upgrade to this build",
    "operation_description": (
        "Devices that run another firmware of the category are upgraded; with "
        "upgrade_all also those whose firmware is not known."
    ),
    "manual_parameters": [IDEMPOTENCY_KEY],
    "responses": {
        "201": LAUNCHED,
        "400": openapi.Response(
            "Texts by field, or under error when there is nothing to upgrade.",
            openapi.Schema(type=OBJECT, example={"error": "No devices found"}),
        ),
        "422": refused("The key was used for another launch.", "Key used before"),
    },
}
BATCH_CANCEL = {
    "request_body": no_body,
    "operation_summary": "Cancel a mass upgrade",
    "operation_description": "Cancels everything that has not been flashed yet.",
    "responses": {
        "200": openapi.Response(
            "What became of it.", _numbers("cancelled", "going_on")
        ),
        "409": refused("There is nothing to cancel.", "Cannot cancel"),
    },
}
BATCH_RETRY = {
    "request_body": no_body,
    "operation_summary": "Retry what failed of a mass upgrade",
    "operation_description": (
        "New operations in a new mass upgrade; what has ended stays as it is."
    ),
    "responses": {
        "201": LAUNCHED,
        "409": refused("There is nothing to retry.", "There is nothing to retry"),
    },
}
DELETE = {
    "operation_description": "Only what has ended can be deleted.",
    "responses": {
        "204": "It is gone.",
        "409": refused("It is still in progress.", "Still in progress"),
    },
}
OPERATION_CANCEL = {
    "request_body": no_body,
    "operation_summary": "Cancel an upgrade operation",
    "operation_description": "Possible until the device has been told to flash.",
    "responses": {
        "200": openapi.Response(
            "It is cancelled.", text_object("message", "Upgrade operation cancelled.")
        ),
        "404": refused("There is no such operation.", "Upgrade operation not found."),
        "409": refused("It is too late.", "Reflashing has already started"),
    },
}
OPERATION_RETRY = {
    "request_body": no_body,
    "operation_summary": "Retry an upgrade operation",
    "operation_description": (
        "A new operation in a new mass upgrade; this one stays as it is."
    ),
    "responses": {
        "201": openapi.Response(
            "The new operation.",
            id_object("batch", upgrade_operation=OPERATION),
        ),
        "409": refused("It cannot be retried.", "Cannot retry"),
    },
}
UPLOAD = {
    "operation_summary": "Upload an image",
    "operation_description": "An empty type is found out from the name of the file.",
    "consumes": ["multipart/form-data"],
}
DOWNLOAD = {
    "operation_summary": "Download an image",
    "operation_description": "Sends the file; Range and If-None-Match are understood.",
    "produces": ["application/octet-stream", "application/json"],
    "responses": {
        "200": openapi.Response("The file.", openapi.Schema(type=openapi.TYPE_FILE)),
        "206": openapi.Response(
            "A part of the file.", openapi.Schema(type=openapi.TYPE_FILE)
        ),
        "304": "The file has not changed.",
        "416": "There is no such part of the file.",
    },
}
FIRMWARE_ANSWER = openapi.Schema(
    type=OBJECT,
    required=["id", "image", "installed", "modified"],
    properties={
        "id": _uuid(),
        "image": _uuid(),
        "installed": openapi.Schema(type=openapi.TYPE_BOOLEAN),
        "modified": _text(format=openapi.FORMAT_DATETIME),
        "upgrade_operation": OPERATION,
    },
    example={
        "id": UUID_EXAMPLE,
        "image": UUID_EXAMPLE,
        "installed": False,
        "modified": "2026-01-31T10:00:00.000000+01:00",
        "upgrade_operation": {"id": UUID_EXAMPLE},
    },
)
STARTED = openapi.Response(
    "upgrade_operation is there when an upgrade was started.", FIRMWARE_ANSWER
)
UNFINISHED = openapi.Response(
    "The device has an unfinished operation, or another request was faster.",
    openapi.Schema(
        type=OBJECT,
        properties={
            "error": _text(),
            "detail": _text(),
            "upgrade_operation": OPERATION,
        },
        example={"error": "in progress", "upgrade_operation": {"id": UUID_EXAMPLE}},
    ),
)
FIRMWARE_PATCH = {
    "operation_summary": "Change the image of a device",
    "operation_description": (
        "An upgrade is started unless the device is known to run the image."
    ),
    "manual_parameters": [CONFLICT],
    "responses": {"200": STARTED, "409": UNFINISHED},
}
FIRMWARE_PUT = {
    **FIRMWARE_PATCH,
    "operation_summary": "Choose the image of a device",
    "responses": {"200": STARTED, "201": STARTED, "409": UNFINISHED},
}
IMAGE_TYPES = {
    "operation_summary": "List the types of images",
    "manual_parameters": [_query("board", "only types that fit this board")],
    "responses": errors(404),
}
