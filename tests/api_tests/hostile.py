"""Odd requests and frames, none of which is well meant."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

BOUNDARY = "odd"
NUL = "\x00"
HUGE = 10**400

VALUES = (
    None,
    True,
    -1,
    HUGE,
    1.5,
    "",
    NUL,
    "a" * 70_000,
    "\ud800",
    "malformed",
    "None",
    [],
    [[]],
    {},
    {"id": 1},
    ["a", NUL],
)

# sent as they are, some are no JSON
BODIES = (
    b"",
    b"null",
    b"[]",
    b"[[[]]]",
    b'"text"',
    b"1",
    b"true",
    b"{",
    b"\x00",
    b"\xff\xfe{\x00}\x00",
    b"{" * 5000,
    b"[" * 100_000,
    b'{"name": NaN, "version": Infinity, "upgrade_options": {"c": -Infinity}}',
    b'{"name": "\\ud800", "version": "\\u0000", "image": "\\udfff"}',
    b'{"name": 1e999}',
    b'{"name": "a", "name": ["b"]}',
    b'{"__proto__": {}, "pk": 1, "id": "x", "organization_id": 1}',
)

QUERIES = (
    "page=0",
    "page=-1",
    f"page={10**30}",
    "page=%00",
    "page=last&page_size=-5",
    f"page_size={10**30}",
    "page_size=%F0%9F%98%80",
    "ordering=%00",
    "ordering=-,--created,created__x,pk;drop",
    "search=%00",
    "search=%FF%FE",
    "search=" + "%22" * 30,
    "organization=%00",
    "organization[]=x&organization=&organization=y",
    "format=xml",
    "format=%00",
    "format=api",
    "status=%00",
    "status=success&status=%FF",
    "type=%00",
    "version=%00",
    "os=%FF",
    "category=%00",
    "build=1",
    "image=[]",
    "device={}",
    "batch=None",
    "group=%00",
    "location=-1",
    "created=%00",
    "created_after=0001-01-01",
    "created_before=9999-12-31T23:59:59-23:59",
    f"modified_after={10**20}",
    "modified_before=2024-13-45",
    "upgrade_all=%00",
    "summary=maybe",
    "summary=true&page=99",
    "summary=true&upgrade_all=%FF",
    "conflict=%00",
    "board=%00",
    "a" * 3000 + "=1",
    "&".join("status=failed" for _number in range(500)),
)

HEADERS = (
    {"Accept": "text/html;q=x, ;;, */"},
    {"Accept": "application/octet-stream"},
    {"Accept": "image/png; indent=99999999999999999999"},
    {"Accept": "application/json; indent=-1"},
    {"Accept-Language": "*;q=9, xx-" + "y" * 500},
    {"Accept-Encoding": "gzip;q=nan"},
    {"Range": "bytes=x-y"},
    {"Range": "bytes=9-1"},
    {"Range": "bytes=-0"},
    {"Range": f"bytes={10**30}-"},
    {"Range": "bytes=0-0,1-1,2-2"},
    {"Range": "bytes=" + "0-," * 2000},
    {"Range": "bytes=\xb2-\xb3"},
    {"Range": "lines=1-2"},
    {"Range": "bytes=0-3", "If-Range": '"'},
    {"Range": "bytes=0-3", "If-Range": "Mon, 99 Foo 0000 99:99:99 GMT"},
    {"If-None-Match": '"unfinished'},
    {"If-None-Match": "W/, \xff"},
    {"If-None-Match": "*"},
    {"If-Match": '""'},
    {"If-Modified-Since": "Thu, 01 Jan 0000 00:00:00 GMT"},
    {"If-Modified-Since": "Fri, 31 Dec 9999 23:59:61 GMT"},
    {"If-Unmodified-Since": "x"},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer a b"},
    {"Authorization": "Bearer \xff\xfe"},
    {"Authorization": "Basic !!!"},
    {"Authorization": "Bearer " + "a" * 5000},
    {"Cookie": "sessionid=\xff; csrftoken="},
    {"Cookie": "sessionid=../../etc; messages=x"},
    {"Host": "evil\x7f"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Content-Length": "-1"},
    {"Idempotency-Key": "\xff\xfe"},
    {"Idempotency-Key": "k" * 5000},
)

TYPES = (
    "text/xml",
    "application/json; charset=utf-16",
    "application/json; charset=bogus",
    "application/json; charset=\xff",
    "application/x-www-form-urlencoded; charset=bogus",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    f"multipart/form-data; boundary={'b' * 300}",
    "multipart/form-data; boundary=\xff",
    f"multipart/form-data; boundary={BOUNDARY}",
    "/",
    "",
)

NAMES = (
    "../../../../etc/passwd",
    "..",
    ".",
    "/",
    "name\x00.bin",
    "\u65e5\u672c\u8a9e \U0001f600.bin",
    "a" * 400 + ".bin",
    "\u65e5" * 200 + ".bin",
    "C:\\windows\\x.bin",
    "semi;colon.bin",
    "",
)

PATHS = (
    "%00/",
    "build/%00/",
    "build/../category/",
    "build/%2e%2e/%2e%2e/",
    "build/{pk}%00/",
    "build/{pk}/image/%00/download/",
    "build/{pk}/image/..%2f..%2f/download/",
    "build/{pk}/image/%F0%9F%98%80/download/",
    f"build/{{pk}}/image/{'a' * 3000}/download/",
    "build/{pk}/image/" + "1" * 500 + "/download/",
    "//build/",
    "%FF%FE/",
)

FRAMES = (
    "",
    "{",
    "null",
    "[]",
    "1",
    "NaN",
    '"request_current_state"',
    "{}",
    "[" * 100_000,
    *(
        json.dumps({"type": value})
        for value in (None, 1, [], {}, [[]], NUL, "x" * 9999)
    ),
)
ASKS = tuple(
    {"type": "request_current_state", name: value}
    for name in ("protocol", "after_seq", "page", "page_size", "operation_id")
    for value in (None, True, -1, 0, 1.5, HUGE, "2", "x", NUL, [], [2], {}, "\ud800")
)


def multipart(parts):
    """Returns a body of parts: (headers, content)."""
    made = b""
    for head, content in parts:
        line = f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode("utf-8", "surrogatepass")
        made += line + content + b"\r\n"
    return made + f"--{BOUNDARY}--\r\n".encode()


def uploads(image_type):
    """Yields odd bodies of uploads."""
    kind = ('Content-Disposition: form-data; name="type"', image_type.encode())
    plain = 'Content-Disposition: form-data; name="file"; filename='
    file = (f'{plain}"x.bin"', b"an image")
    for name in NAMES:
        yield multipart([kind, (f'{plain}"{name}"', b"an image")])
    yield multipart([kind, kind, file, file])
    yield multipart([kind, file, (f'{plain}"y.bin"', b"")])
    yield multipart([kind, ('Content-Disposition: form-data; name="file"', b"text")])
    yield multipart([(f'{plain}"t"'.replace('"file"', '"type"'), b"x"), file])
    yield multipart([("Content-Disposition: form-data; name=type", b"\xff\x00"), file])
    yield multipart([("X: y", b"z"), kind])
    yield multipart([kind, (f"{file[0]}\r\nContent-Transfer-Encoding: base64", b"!!!")])
    yield multipart([kind, file])[:-20]
    yield multipart(
        [(f'Content-Disposition: form-data; name="{n}"', b"") for n in range(2000)]
    )


class Browserless:
    """One connection that says anything.

    Arguments:
        url: of the server.
        token: of the user.
    """

    def __init__(self, url, token):
        self.address = urlsplit(url).netloc
        self.token = token

    def send(self, method, path, body=b"", **headers):
        """Returns (status, body) of the answer."""
        opened = http.client.HTTPConnection(self.address, timeout=120)
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        names = {name.lower() for name in headers}
        try:
            opened.putrequest(
                method, path, skip_host="host" in names, skip_accept_encoding=True
            )
            if "content-length" not in names and (body or method in ("POST", "PUT")):
                headers["Content-Length"] = str(len(body))
            for name, value in headers.items():
                opened.putheader(name, value.encode("latin-1"))
            opened.endheaders(body or None)
            answer = opened.getresponse()
            return answer.status, answer.read()
        finally:
            opened.close()
