"""Extends views of the REST API, as the documentation tells."""

from openwisp_firmware_upgrader.api.views import *  # noqa: F403 all others stay
from openwisp_firmware_upgrader.api.views import BuildListView


class SampleBuildListView(BuildListView):
    """Says who served the list."""

    def finalize_response(self, request, response, *args, **kwargs):
        """Returns the response with a header of this app."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers["X-Sample"] = "builds"
        return response


build_list = SampleBuildListView.as_view()
