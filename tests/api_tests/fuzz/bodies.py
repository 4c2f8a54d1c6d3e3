"""What is sent to an address: good forms and JSON, then spoiled."""

from __future__ import annotations

import json
from urllib.parse import quote_plus

from django.test.utils import setup_test_environment, teardown_test_environment

from openwisp_firmware_upgrader.tests.pages import page_data
from openwisp_firmware_upgrader.tests.test_odd_input import TABS

from ..hostile import BODIES, BOUNDARY, NAMES, TYPES, multipart, uploads
from ..world import OTHER_TYPE
from .addresses import TARGETS
from .values import NUMBERS, RARE, happens, json_value, text

FORM = "application/x-www-form-urlencoded"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
PREFIXES = {
    "build": ("firmwareimage_set",),
    "category": ("build_set", "x"),
    "device": ("devicefirmware", "upgradeoperation_set"),
}
ROW = ("id", "build", "type", "file", "image", "device", "upgrade_options", "DELETE")
CONNECTIONS = "deviceconnection_set"
COUNTS = ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
BUTTONS = ("_save", "_continue", "_addanother", "_saveasnew", "_popup", "_to_field")
ACTIONS = ("upgrade_selected", "delete_selected", "activate_device", "x", "", "\x00")
# few: forms of a thousand rows take seconds
MANY = "1000"


class Bodies:
    """Makes bodies of requests.

    Arguments:
        addresses: the addresses, with the objects.
        client: of a superuser, who sees whole forms.
    """

    def __init__(self, addresses, client):
        self.addresses = addresses
        self.world, self.asker = addresses.world, addresses.asker
        self.uploads = list(uploads(OTHER_TYPE))
        # without this no page tells its context
        setup_test_environment()
        try:
            self.forms = self._whole_forms(client)
        finally:
            teardown_test_environment()

    def _whole_forms(self, client):
        found = {}
        for route in self.addresses.admin:
            if route.model in PREFIXES and route.suffix == "/change/":
                for target in TARGETS:
                    row = getattr(self.world.targets[target], route.model)
                    response = client.get(f"{route.texts[0]}{row.pk}/change/")
                    found[route.model, target] = page_data(response)
        return found

    def make(self, chance, route, method, target):
        """Returns (body, content type) of a request."""
        if method in ("GET", "HEAD") or happens(chance, 0.05):
            return b"", FORM
        if happens(chance, 0.05):
            return self._any(chance)
        if route.is_admin:
            body, kind = self._form(chance, self._pairs(chance, route, target))
        else:
            body, kind = self._rest(chance, route, method, target)
        return body, chance.choice(TYPES) if happens(chance, 0.05) else kind

    def _any(self, chance):
        body = chance.choice(BODIES)
        if len(body) > 999 and not happens(chance, RARE * 10):
            body = chance.randbytes(chance.randrange(60))
        return body, chance.choice((FORM, MULTIPART, "application/json", *TYPES))

    def _rest(self, chance, route, method, target):
        if route.name == "api_firmware_list" and happens(chance, 0.6):
            body = chance.choice(self.uploads)
            return body, MULTIPART
        name = route.name
        good = {} if name == "serve_private_file" else self._json(name, method, target)
        if happens(chance, 0.15):
            return self._form(chance, self._spoiled(chance, list(good.items())))
        body = json.dumps(self._spoiled_json(chance, good)).encode()
        if happens(chance, 0.03):
            body = body[: chance.randrange(len(body))]
        return body, "application/json"

    def _json(self, name, method, target):
        good = dict(self.asker._json(name, method, target))
        if name in ("api_build_batch_upgrade", "api_devicefirmware_detail"):
            good["upgrade_options"] = {}
        return good

    def _spoiled_json(self, chance, good):
        names = [*good, "name", "organization", "category", "version", "os", "image"]
        names += ["changelog", "upgrade_options", "group", "location", "upgrade_all"]
        for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
            name = chance.choice(names)
            if happens(chance, 0.2):
                good.pop(name, None)
            elif happens(chance, 0.25):
                good[name] = chance.choice(self.addresses.ids)
            elif name == "upgrade_options" and happens(chance, 0.5):
                good[name] = {chance.choice("cnFku"): json_value(chance)}
            else:
                good[name] = json_value(chance)
        return json_value(chance) if happens(chance, 0.03) else good

    def _pairs(self, chance, route, target):
        """Returns names and values of the form that belongs to a page."""
        if route.suffix.endswith("/delete/"):
            return self._spoiled(chance, [("post", "yes")])
        if route.is_list:
            return self._action(chance, route, target)
        if happens(chance, 0.1):
            target = chance.choice(TARGETS)
        form = self.forms.get((route.model, target))
        if form is None:
            return self._spoiled(chance, [])
        pairs = list(form.items())
        if route.model == "device":
            # the rest of the page is other apps'
            return self._with_tabs(chance, pairs)
        return self._spoiled(chance, pairs, PREFIXES[route.model])

    def _with_tabs(self, chance, pairs):
        ours = [pair for pair in pairs if pair[0].startswith(TABS[:2])]
        # connections of another device are an error 500 of openwisp-controller
        others = (*TABS[:2], CONNECTIONS)
        rest = [pair for pair in pairs if not pair[0].startswith(others)]
        rest += [(f"{CONNECTIONS}-{name}", "0") for name in COUNTS]
        spoiled = self._spoiled(chance, ours, PREFIXES["device"], extra=False)
        return rest + spoiled

    def _action(self, chance, route, target):
        row = getattr(self.world.targets[target], route.model, None)
        row = row or self.world.targets[target].failed
        pairs = [
            ("action", chance.choice(ACTIONS[: 1 if happens(chance, 0.5) else None])),
            ("_selected_action", str(row.pk)),
            ("index", "0"),
            ("select_across", "0"),
            ("upgrade_options", "{}"),
            ("group", ""),
            ("location", ""),
        ]
        if happens(chance, 0.5):
            name = chance.choice(("upgrade_all", "upgrade_related", "post"))
            pairs.append((name, "1"))
        return self._spoiled(chance, pairs)

    def _spoiled(self, chance, pairs, prefixes=(), *, extra=True):
        pairs = list(pairs)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
            if prefixes and happens(chance, 0.4):
                pairs += self._forged(chance, chance.choice(prefixes))
                continue
            name = chance.choice(pairs)[0] if pairs else "x"
            if extra and (not pairs or happens(chance, 0.1)):
                name = chance.choice((*BUTTONS, "created", "organization", "id"))
            if happens(chance, 0.25):
                pairs = [pair for pair in pairs if pair[0] != name]
                continue
            if happens(chance, 0.7):
                pairs = [pair for pair in pairs if pair[0] != name]
            pairs.append((name, self._value(chance)))
        return pairs

    def _value(self, chance):
        known = happens(chance, 0.25)
        return chance.choice(self.addresses.ids) if known else text(chance)

    def _forged(self, chance, prefix):
        if happens(chance, 0.4):
            value = MANY if happens(chance, RARE) else chance.choice(NUMBERS[:-2])
            return [(f"{prefix}-{chance.choice(COUNTS)}", value)]
        number = chance.choice((0, 0, 1, 2, "__prefix__", "-1", "x"))
        row = [(f"{prefix}-TOTAL_FORMS", str(chance.choice((1, 2, 3))))]
        for name in chance.sample(ROW, chance.choice((1, 2, 4))):
            value = OTHER_TYPE if name == "type" else self._value(chance)
            row.append((f"{prefix}-{number}-{name}", value))
        return row

    def _form(self, chance, pairs):
        if happens(chance, 0.7):
            text = "&".join(f"{_quoted(n)}={_quoted(v)}" for n, v in pairs)
            return text.encode(), FORM
        return multipart([self._part(chance, *pair) for pair in pairs]), MULTIPART

    def _part(self, chance, name, value):
        head = f'Content-Disposition: form-data; name="{name}"'
        is_file = name.endswith("-file")
        if happens(chance, 0.9 if is_file else 0.02):
            file = chance.choice(("small.bin", *NAMES))
            head += f'; filename="{file}"'
        return head, str(value).encode("utf-8", "surrogatepass")


def _quoted(value):
    return quote_plus(str(value).encode("utf-8", "surrogatepass"))
