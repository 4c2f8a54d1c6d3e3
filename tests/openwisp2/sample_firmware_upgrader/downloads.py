"""Extends the download of images, as the documentation tells."""

from openwisp_firmware_upgrader.private_storage import FirmwareImageDownloadView


class SampleDownloadView(FirmwareImageDownloadView):
    """Says who served the image."""

    def serve_file(self, private_file):
        """Returns the response with a header of this app."""
        response = super().serve_file(private_file)
        response.headers["X-Sample"] = "download"
        return response


firmware_image_download = SampleDownloadView.as_view()
