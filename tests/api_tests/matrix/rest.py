"""Who gets which answer from which route of the REST API: the rows of ``rest.txt``.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

import json

from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from .. import people
from ..world import OTHER_TYPE, UNKNOWN, upload
from . import situations
from .situations import ROLES
from .tables import Table

TABLE = Table("rest", ROLES)
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
TARGETS = ("own", "foreign", "shared", "unknown", "malformed")
# HEAD is a GET, and OPTIONS looks at no object
SITUATIONS = {
    method: tuple(name for name in situations.TARGETS if name not in TARGETS)
    for method in METHODS
    if method not in ("HEAD", "OPTIONS")
}
LISTS = {
    # the parameter by which a list is asked for what belongs to a target
    "api_category_list": "organization",
    "api_build_list": "category",
    "api_batchupgradeoperation_list": "build",
    "api_upgradeoperation_list": "image",
    "api_imagetype_list": "board",
}


def routes():
    """Returns all routes of the app: URL pattern by name.

    Raises ValueError for a route without a name of its own: it would hide another.
    """
    found = {}

    def walk(patterns):
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                if not pattern.name or pattern.name in found:
                    raise ValueError(f"no name of its own: {pattern}")
                found[pattern.name] = pattern
            else:
                walk(pattern.url_patterns)

    walk(get_resolver("openwisp_firmware_upgrader.urls").url_patterns)
    return found


def methods_of(pattern):
    """Returns the methods that the view of a route has."""
    callback = pattern.callback
    view = getattr(callback, "view_class", None) or callback.cls
    names = {name for name in view.http_method_names if hasattr(view, name)}
    if "get" in names:
        names.add("head")
    return {name.upper() for name in names}


def cells():
    """Yields (route, method, target) for everything that can be asked."""
    for name, pattern in sorted(routes().items()):
        allowed = methods_of(pattern)
        for method in METHODS:
            targets = (*TARGETS, *SITUATIONS.get(method, ()))
            for target in targets if method in allowed else TARGETS[:1]:
                yield name, method, target


class Asker:
    """Asks as each of the roles.

    Arguments:
        world: the objects and users.
    """

    def __init__(self, world):
        self.world = world
        # the text of the last request
        self.sent = ""
        self.clients = {}
        for role, user in world.users.items():
            plain = Client(raise_request_exception=False)
            session = Client(raise_request_exception=False)
            if user is not None:
                token = people.token_of(user)
                plain.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"
                session.force_login(user)
            self.clients[role] = plain, session

    def begin(self):
        """Asks once as each role, as it may while it is what it was."""
        for role in self.clients:
            self.ask(role, "api_build_list", "GET", "own")
            self.ask(role, "serve_private_file", "GET", "own")

    def ask(self, role, name, method, target):
        """Returns the response to one request."""
        plain, session = self.clients[role]
        client = session if name == "serve_private_file" else plain
        options = self._body(name, method, target)
        url = self._url(name, target)
        if method in ("GET", "HEAD") and name in LISTS:
            url = f"{url}?{LISTS[name]}={self._filter(name, target)}"
        self.sent = f"{url} {options}"
        return client.generic(method, url, **options)

    def answer(self, _key, response):
        """Returns what the table says of a response."""
        return str(response.status_code)

    def _of(self, target):
        return self.world.targets.get(target, self.world.targets["own"])

    def _pk(self, target, found):
        return {"unknown": UNKNOWN, "malformed": "malformed"}.get(target, str(found.pk))

    def _filter(self, name, target):
        chosen = self._of(target)
        if name == "api_category_list":
            owner = chosen.organization
            return owner.slug if owner and target in self.world.targets else target
        if name == "api_imagetype_list":
            return target
        found = {"build": chosen.build, "category": chosen.category}
        return self._pk(target, found.get(LISTS[name], chosen.image))

    def _url(self, name, target):
        chosen = self._of(target)
        namespace = "" if name == "serve_private_file" else "upgrader:"
        keys = self._keys(name, chosen)
        if target == "unknown":
            keys = dict.fromkeys(keys, UNKNOWN)
        if target != "malformed" or not keys:
            return reverse(f"{namespace}{name}", kwargs=keys)
        # what no converter of a route takes can only be written by hand
        marks = {key: f"{UNKNOWN[:-1]}{n}" for n, key in enumerate(keys, 1)}
        url = reverse(f"{namespace}{name}", kwargs=marks)
        last = list(marks.values())[-1]
        keep = list(keys.values())[0] if len(keys) > 1 else ""
        return url.replace(last, "malformed").replace(marks[list(keys)[0]], str(keep))

    def _keys(self, name, chosen):
        if name == "serve_private_file":
            return {"path": chosen.image.file.name}
        if name in ("api_firmware_detail", "api_firmware_download"):
            return {"build_pk": chosen.build.pk, "pk": chosen.image.pk}
        if name == "api_firmware_list":
            return {"build_pk": chosen.build.pk}
        found = {
            "api_build_detail": chosen.build,
            "api_build_batch_upgrade": chosen.build,
            "api_category_detail": chosen.category,
            "api_batchupgradeoperation_detail": chosen.failed_batch,
            "api_batchupgradeoperation_cancel": chosen.running_batch,
            "api_batchupgradeoperation_retry": chosen.failed_batch,
            "api_upgradeoperation_detail": chosen.failed,
            "api_upgradeoperation_cancel": chosen.running,
            "api_upgradeoperation_retry": chosen.failed,
            "api_deviceupgradeoperation_list": chosen.failed.device,
            "api_devicefirmware_detail": chosen.device,
        }.get(name)
        return {"pk": found.pk} if found else {}

    def _body(self, name, method, target):
        if method not in ("POST", "PUT", "PATCH"):
            return {}
        if name == "api_firmware_list":
            from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

            data = {"type": OTHER_TYPE, "file": upload()}
            return {
                "data": encode_multipart(BOUNDARY, data),
                "content_type": MULTIPART_CONTENT,
            }
        body = self._json(name, method, target)
        return {"data": json.dumps(body), "content_type": "application/json"}

    def _json(self, name, method, target):
        chosen = self._of(target)
        if name.startswith("api_category"):
            owner = chosen.organization
            if target not in self.world.targets:
                owner = UNKNOWN if target == "unknown" else "malformed"
            pk = str(getattr(owner, "pk", owner)) if owner else None
            if method == "PATCH":
                return {"description": "changed"}
            return {"name": "new", "organization": pk}
        if name in ("api_build_list", "api_build_detail"):
            if method == "PATCH":
                return {"changelog": "changed"}
            category = self._pk(target, chosen.category)
            if name == "api_build_detail":
                category = str(chosen.category.pk)
            return {"category": category, "version": "new"}
        if name == "api_devicefirmware_detail":
            return {"image": str(chosen.image.pk)}
        return {"upgrade_all": True} if name == "api_build_batch_upgrade" else {}
