"""The scripts of pages, in the order in which they need each other."""

JS = "firmware-upgrader/js/"

SOCKET = "connection/js/lib/reconnecting-websocket.min.js"

SHARED = [
    SOCKET,
    f"{JS}upgrade-utils.js",
    f"{JS}live-notice.js",
    f"{JS}live-connection.js",
    f"{JS}status-widget.js",
    f"{JS}phase-view.js",
]

# the pages of an operation and of a device
OPERATION_JS = [
    *SHARED,
    f"{JS}log-times.js",
    f"{JS}log-view.js",
    f"{JS}cancel-dialog.js",
    f"{JS}upgrade-progress.js",
]

# the firmware tab of a device, beside the editor of the options
FIRMWARE_JS = [
    "admin/js/jquery.init.js",
    f"{JS}upgrade-utils.js",
    f"{JS}device-firmware.js",
    f"{JS}firmware-notice.js",
    f"{JS}option-conflicts.js",
]

BATCH_JS = [
    *SHARED,
    f"{JS}batch-rows.js",
    f"{JS}batch-summary.js",
    f"{JS}batch-upgrade-progress.js",
]

CONFIRMATION_JS = [
    "admin/js/jquery.init.js",
    f"{JS}upgrade-utils.js",
    f"{JS}upgrade-selected-confirmation.js",
    f"{JS}mass-upgrade-select2.js",
    f"{JS}mass-upgrade-candidates.js",
    f"{JS}option-conflicts.js",
]
