"""Sends image files in pieces; one may ask for a part, or only for a newer file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, BinaryIO

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, parse_http_date_safe
from private_storage.models import PrivateFile
from private_storage.servers import add_no_cache_headers, get_server_class

from .ranges import RangeNotSatisfiable, asked_range

# django-private-storage's names for sending the file from Python
IN_PYTHON = ("django", "streaming")
PIECE = 64 * 1024


class Part:
    """A part of a file, read like a file.

    Arguments:
        file: a seekable binary file.
        start: the first byte.
        stop: the byte after the last.
    """

    def __init__(self, file: BinaryIO, start: int, stop: int) -> None:
        self._file = file
        self._left = stop - start
        file.seek(start)
        self.close = file.close

    def read(self, size: int) -> bytes:
        """Returns up to ``size`` bytes, nothing at the end of the part."""
        piece: bytes = self._file.read(min(size, self._left))
        self._left -= len(piece)
        return piece


class PiecesResponse(FileResponse):
    """Sends a file piece by piece, under WSGI and under ASGI."""

    block_size = PIECE

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yields the pieces; Django would read all of them first."""
        if self.is_async:
            # a middleware has wrapped them
            async for piece in self.streaming_content:
                yield piece
            return
        pieces = iter(self.streaming_content)
        following: Any = sync_to_async(next, thread_sensitive=False)
        while (piece := await following(pieces, None)) is not None:
            yield piece


class FirmwareImageServer:
    """Serves image files with ``ETag`` (their SHA-256) and ``Range``.

    Steps aside where ``PRIVATE_STORAGE_SERVER`` names a web server, or a class,
    that the file is handed over to.
    """

    @classmethod
    def serve(cls, private_file: PrivateFile) -> HttpResponseBase:
        """Returns the response to a request that was found allowed."""
        name = getattr(settings, "PRIVATE_STORAGE_SERVER", "django")
        if name not in IN_PYTHON:
            server = get_server_class(name)
            if not issubclass(server, FirmwareImageServer):
                return server.serve(private_file)
        return send(private_file)


@add_no_cache_headers
def send(private_file: PrivateFile) -> HttpResponseBase:
    """Returns the file, a part of it, or the answer that it is still the same."""
    request = private_file.request
    etag = etag_of(private_file)
    modified = int(private_file.modified_time.timestamp())
    response = get_conditional_response(request, etag, modified)
    if response is None:
        response = _content(private_file, request, etag, modified)
    response.headers.setdefault("Last-Modified", http_date(modified))
    if etag:
        response.headers.setdefault("ETag", etag)
    return response


def etag_of(private_file: PrivateFile) -> str | None:
    """Returns the SHA-256 in quotes, None unless the stored one is of this file."""
    image = private_file.parent_object
    if not image.checksum or image.size != private_file.size:
        return None
    return f'"{image.checksum}"'


def _content(
    private_file: PrivateFile, request: HttpRequest, etag: str | None, modified: int
) -> HttpResponseBase:
    size = private_file.size
    whole = request.method != "GET" or not _range_counts(request, etag, modified)
    try:
        part = None if whole else asked_range(request.headers.get("range", ""), size)
    except RangeNotSatisfiable:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    start, stop = part or (0, size)
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse()
    else:
        file = private_file.open()
        response = PiecesResponse(Part(file, start, stop) if part else file)
    response["Content-Type"] = private_file.content_type
    response["Content-Length"] = stop - start
    response["Accept-Ranges"] = "bytes"
    if part:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response


def _range_counts(request: HttpRequest, etag: str | None, modified: int) -> bool:
    # a part goes only with the rest of the very file the client has
    condition = request.headers.get("if-range", "").strip()
    if not condition:
        return True
    if condition.startswith('"'):
        return condition == etag
    return parse_http_date_safe(condition) == modified
