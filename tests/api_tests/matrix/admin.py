"""Who gets which answer from which page of the admin: the rows of ``admin.txt``.

Methods in small letters are actions of a list, which are sent by POST. Besides the
status of a response there are

- ``login`` and ``index``: sent to the log-in, or to the first page of the admin as
  Django does with what does not exist,
- ``form``: the form again, with errors,
- ``error``: a message that says why nothing was done,
- ``nothing``: the list again, as nothing was selected or may be done,
- ``empty``: a list without what was looked for.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

from django.contrib import admin, messages
from django.test import Client
from django.urls import reverse
from swapper import load_model as load_any_model

from openwisp_firmware_upgrader.swapper import load_model
from openwisp_firmware_upgrader.tests.pages import page_data

from ..world import UNKNOWN
from . import situations
from .situations import ROLES
from .tables import Table

TABLE = Table("admin", ROLES)
TARGETS = (*situations.TARGETS, "unknown")
OURS = ("Category", "Build", "BatchUpgradeOperation", "UpgradeOperation")
# pages of devices to which this app adds something
OF_DEVICES = ("history", "delete", "change", "recoverlist", "recover", "revision")
# what an action is sent with
ACTIONS = {
    "delete": {"action": "delete_selected", "post": "yes"},
    "ask": {"action": "upgrade_selected"},
    "launch": {"action": "upgrade_selected", "upgrade_all": "1"},
}
# pages of one method
POSTED = ("cancel", "retry")
READ = ("state", "device_state", "csv")
# where the target plays no part
ALIKE = (("add", "GET"), ("recoverlist", "POST"))
# where a filled-in form comes from
FORMS = ("add", "change", "recover", "revision")
# one object of a target for each model
OBJECTS = {
    "category": "category",
    "build": "build",
    "batchupgradeoperation": "failed_batch",
    "upgradeoperation": "failed",
    "device": "device",
}
# where it is another one
OTHERS = {
    "batchupgradeoperation_cancel": "running_batch",
    "upgradeoperation_cancel": "running",
    "upgradeoperation_device_state": "device",
    "device_delete": "retired",
}


def models():
    """Returns the models whose pages are asked for, by name in the admin."""
    found = [load_model(name) for name in OURS]
    found.append(load_any_model("config", "Device"))
    return {model._meta.model_name: model for model in found}  # noqa: SLF001 documented


def routes():
    """Returns all pages: the name in ``admin`` by the name in the table."""
    found = {}
    for name, model in models().items():
        model_admin = admin.site.get_model_admin(model)
        prefix = f"{model._meta.app_label}_{name}_"  # noqa: SLF001 documented
        for pattern in model_admin.get_urls():
            page = (pattern.name or "").removeprefix(prefix)
            if name == "device" and page not in OF_DEVICES:
                continue
            if pattern.name:
                found[f"{name}_{page}"] = pattern.name
            elif str(pattern.pattern) != "<path:object_id>/":
                raise ValueError(f"no name: {pattern}")
    return found


def actions(request):
    """Returns the names of all actions of lists that a request may ask for."""
    return {
        action
        for name, model in models().items()
        if name != "device"
        for action in admin.site.get_model_admin(model).get_actions(request)
    }


def targets(name, method):
    """Returns for which targets a page is asked."""
    model, page = name.split("_", 1)
    wrong = "GET" if page in POSTED else "POST" if page in READ else ""
    adds_none = page == "add" and model not in ("category", "build")
    if method == wrong or adds_none or (page, method) in ALIKE:
        return TARGETS[:1]
    return TARGETS if method == "GET" else situations.TARGETS


def cells():
    """Yields (page, method, target) for everything that can be asked."""
    for name in sorted(routes()):
        methods = ["GET", "POST"]
        if name.endswith("_changelist"):
            methods = ["GET", "delete"]
        if name == "build_changelist":
            methods += ["ask", "launch"]
        for method in methods:
            for target in targets(name, method):
                yield name, method, target


class Asker:
    """Asks as each of the roles, in their sessions.

    Arguments:
        world: the objects and users.
    """

    def __init__(self, world):
        self.world = world
        self.names = routes()
        # the text of the last request
        self.sent = ""
        self.forms = {}
        self.clients = {}
        for role, user in world.users.items():
            self.clients[role] = Client(raise_request_exception=False)
            if user is not None:
                self.clients[role].force_login(user)

    def begin(self):
        """Asks once as each role, as it may while it is what it was."""
        for role in self.clients:
            self.ask(role, "build_changelist", "GET", "own")
            self.ask(role, "build_change", "GET", "own")

    def ask(self, role, name, method, target):
        """Returns the response to one request."""
        url = reverse(f"admin:{self.names[name]}", args=self._args(name, target))
        data = self._data(name, method, target)
        client = self.clients[role]
        # messages that no page has shown
        client.cookies.pop("messages", None)
        self.sent = f"{url} {data}"
        response = getattr(client, "get" if method == "GET" else "post")(url, data)
        # as if Django's test environment was set up, which copies each context
        response.context = getattr(response, "context_data", None)
        return response

    def _of(self, target):
        return self.world.targets.get(target, self.world.targets["own"])

    def _object(self, name, target):
        chosen = OTHERS.get(name, OBJECTS[name.split("_")[0]])
        return getattr(self._of(target), chosen)

    def _args(self, name, target):
        model, page = name.split("_", 1)
        if page in ("changelist", "add", "recoverlist"):
            return []
        pk = UNKNOWN if target == "unknown" else self._object(name, target).pk
        if page in ("recover", "revision"):
            kind = model if page == "revision" else f"gone_{model}"
            version = self._of(target).versions[kind].pk
            return (
                [pk, version] if page == "revision" else [self._number(version, target)]
            )
        return [pk, "group"] if page == "choices" else [pk]

    def _number(self, version, target):
        return 0 if target == "unknown" else version

    def _data(self, name, method, target):
        page = name.split("_", 1)[1]
        if page == "changelist":
            pk = UNKNOWN if target == "unknown" else self._object(name, target).pk
            if method == "GET":
                return {"id__exact": str(pk)}
            return {**ACTIONS[method], "_selected_action": str(pk)}
        if method == "GET":
            return {}
        if page == "delete":
            return {"post": "yes"}
        return self._form(name, target) if page in FORMS else {}

    def _form(self, name, target):
        """Returns what a superuser submits, with something changed."""
        key = name, target
        if key not in self.forms:
            self.forms[key] = {}
            page = self.ask("superuser", name, "GET", target)
            if page.status_code == 200:
                self.forms[key] = page_data(page, **self._changes(name, target))
        return self.forms[key]

    def _changes(self, name, target):
        chosen = self._of(target)
        if name == "category_add":
            owner = chosen.organization
            pk = str(owner.pk) if owner else ""
            if target == "unknown":
                pk = UNKNOWN
            return {"name": "new", "organization": pk}
        if name == "build_add":
            pk = UNKNOWN if target == "unknown" else chosen.category.pk
            return {"version": "new", "category": str(pk)}
        if name == "device_change":
            return {"devicefirmware__0__image": str(chosen.image.pk)}
        return {
            "category_change": {"description": "changed"},
            # a file is not sent again
            "build_change": {"changelog": "new", "firmwareimage_set__0__file": None},
        }.get(name, {})

    def answer(self, key, response):
        """Returns what the table says of a response."""
        status = str(response.status_code)
        if status not in ("200", "302"):
            return status
        where = response.get("Location", "").partition("?")[0]
        if where in (reverse("admin:login"), reverse("admin:index")):
            return where.strip("/").rpartition("/")[2].replace("admin", "index")
        if _levels(response) & {messages.ERROR}:
            return "error"
        if key[1] in ACTIONS:
            return self._acted(key, response) or status
        if key[1] == "GET":
            return status if self._is_listed(key, response) else "empty"
        return "form" if _has_errors(response) else status

    def _acted(self, key, response):
        is_asked = key[1] == "ask" and "candidates" in (response.context or ())
        did = _levels(response) & {messages.SUCCESS}
        return "" if is_asked or did else "nothing"

    def _is_listed(self, key, response):
        name, _method, target = key
        model, page = name.split("_", 1)
        if page == "changelist":
            found = response.context["cl"].result_list
            return target != "unknown" and self._object(name, target) in found
        if page == "recoverlist":
            gone = str(getattr(self._of(target), f"gone_{model}"))
            return target != "unknown" and f">{gone}<".encode() in response.content
        if page == "history":
            return bool(list(response.context["action_list"]))
        return True


def _has_errors(response):
    context = response.context or {}
    form = getattr(context.get("adminform"), "form", None)
    formsets = context.get("inline_admin_formsets") or ()
    found = [form, *(each.formset for each in formsets)]
    return any(any(each.errors) for each in found if each is not None)


def _levels(response):
    """Returns the levels of messages, shown or to be shown."""
    storage = response.wsgi_request._messages  # noqa: SLF001 where Django keeps them
    found = [*storage._queued_messages]  # noqa: SLF001 not shown yet
    found += getattr(storage, "_loaded_data", None) or []
    return {message.level for message in found}
