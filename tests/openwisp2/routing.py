"""The websocket routes of the sample project."""

from openwisp_controller.routing import get_routes as get_controller_routes

from openwisp_firmware_upgrader.routing import get_routes as get_upgrader_routes


def get_routes():
    return get_controller_routes() + get_upgrader_routes()
