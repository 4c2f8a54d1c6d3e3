"""URLs of the REST API, to be included below ``api/v1/``."""

from __future__ import annotations

from types import ModuleType

from django.urls import URLPattern, URLResolver, include, path

from . import views

app_name = "upgrader"


def get_api_urls(api_views: ModuleType = views) -> list[URLResolver]:
    """Returns the URLs of the REST API.

    Arguments:
        api_views: module with the views; a derived app passes one of its own, which
            imports everything from ``api.views`` and replaces what it extends.
    """
    routes = [
        *_build_urls(api_views),
        *_batch_urls(api_views),
        *_operation_urls(api_views),
        *_device_urls(api_views),
    ]
    return [path("firmware-upgrader/", include(routes))]


def _build_urls(api_views: ModuleType) -> list[URLPattern]:
    return [
        path("build/", api_views.build_list, name="api_build_list"),
        path("build/<uuid:pk>/", api_views.build_detail, name="api_build_detail"),
        path(
            "build/<uuid:pk>/upgrade/",
            api_views.api_batch_upgrade,
            name="api_build_batch_upgrade",
        ),
        path(
            "build/<uuid:build_pk>/image/",
            api_views.firmware_image_list,
            name="api_firmware_list",
        ),
        path(
            "build/<uuid:build_pk>/image/<uuid:pk>/",
            api_views.firmware_image_detail,
            name="api_firmware_detail",
        ),
        path(
            "build/<uuid:build_pk>/image/<str:pk>/download/",
            api_views.firmware_image_download,
            name="api_firmware_download",
        ),
        path("category/", api_views.category_list, name="api_category_list"),
        path(
            "category/<uuid:pk>/", api_views.category_detail, name="api_category_detail"
        ),
        path("image-type/", api_views.image_type_list, name="api_imagetype_list"),
    ]


def _batch_urls(api_views: ModuleType) -> list[URLPattern]:
    return [
        path(
            "batch-upgrade-operation/",
            api_views.batch_upgrade_operation_list,
            name="api_batchupgradeoperation_list",
        ),
        path(
            "batch-upgrade-operation/<uuid:pk>/",
            api_views.batch_upgrade_operation_detail,
            name="api_batchupgradeoperation_detail",
        ),
        path(
            "batch-upgrade-operation/<uuid:pk>/cancel/",
            api_views.batch_upgrade_operation_cancel,
            name="api_batchupgradeoperation_cancel",
        ),
        path(
            "batch-upgrade-operation/<uuid:pk>/retry/",
            api_views.batch_upgrade_operation_retry,
            name="api_batchupgradeoperation_retry",
        ),
    ]


def _operation_urls(api_views: ModuleType) -> list[URLPattern]:
    return [
        path(
            "upgrade-operation/",
            api_views.upgrade_operation_list,
            name="api_upgradeoperation_list",
        ),
        path(
            "upgrade-operation/<uuid:pk>/",
            api_views.upgrade_operation_detail,
            name="api_upgradeoperation_detail",
        ),
        path(
            "upgrade-operation/<uuid:pk>/cancel/",
            api_views.upgrade_operation_cancel,
            name="api_upgradeoperation_cancel",
        ),
        path(
            "upgrade-operation/<uuid:pk>/retry/",
            api_views.upgrade_operation_retry,
            name="api_upgradeoperation_retry",
        ),
    ]


def _device_urls(api_views: ModuleType) -> list[URLPattern]:
    return [
        path(
            "device/<uuid:pk>/upgrade-operation/",
            api_views.device_upgrade_operation_list,
            name="api_deviceupgradeoperation_list",
        ),
        path(
            "device/<uuid:pk>/firmware/",
            api_views.device_firmware_detail,
            name="api_devicefirmware_detail",
        ),
    ]


urlpatterns = get_api_urls()
