"""All addresses of ours, and odd ones made of them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from swapper import load_model as load_any_model

from openwisp_firmware_upgrader.swapper import load_model
from openwisp_firmware_upgrader.tests.test_api.test_odd_parameters import NAMES
from openwisp_firmware_upgrader.tests.test_odd_input import LOOKUPS, PARAMETERS
from openwisp_firmware_upgrader.tests.test_odd_input import routes as routes_of_admin

from ..hostile import PATHS, QUERIES
from ..matrix import rest as matrix
from .values import RAW, happens, in_address

MODELS = {
    "category": "Category",
    "build": "Build",
    "batch": "BatchUpgradeOperation",
    "operation": "UpgradeOperation",
}
# of the many pages of a device, those that show our tabs
DEVICE_PAGES = ("", "add/", "/change/", "/history/", "/delete/", "recover/", "/")
# those take ten times as long as others: most of them make way for another page
DEVICES = 0.2
BASE = "/api/v1/firmware-upgrader/"
CHOICES = ("autocomplete", "ow-auto-filter")
COMPARISONS = (
    *("exact", "iexact", "contains", "in", "gt", "gte", "lt", "lte"),
    *("startswith", "range", "isnull", "year", "iso_year", "month", "week_day"),
    *("date", "time", "hour", "regex", "iregex", "search", "has_key"),
    *("has_keys", "contained_by", "unaccent", "trigram_similar", "bboverlaps"),
    *("isvalid", "len", "id", "pk", "x"),
)
ADMIN_METHODS = ("GET",) * 12 + ("POST",) * 7 + ("HEAD",)
ODD_METHODS = (*matrix.METHODS, "TRACE", "PROPFIND", "get", "X")
TARGETS = ("own", "foreign", "shared")


@dataclass(frozen=True)
class Route:
    """One address: its texts, and what stands between them."""

    name: str
    model: str
    texts: tuple[str, ...]
    kinds: tuple[str, ...]
    methods: tuple[str, ...]

    @property
    def is_admin(self):
        """Whether this is a page of the admin."""
        return self.model != ""

    @property
    def is_list(self):
        """Whether this is the list of a model."""
        is_new = self.suffix.endswith(("add/", "recover/"))
        return self.is_admin and not self.kinds and not is_new

    @property
    def suffix(self):
        """What the address ends with; the same for all objects."""
        return self.texts[-1]


def rest_routes():
    """Yields the routes of the REST API and of private files."""
    for name, pattern in matrix.routes().items():
        keys = list(pattern.pattern.converters)
        namespace = "" if name == "serve_private_file" else "upgrader:"
        marks = {key: str(UUID(int=n)) for n, key in enumerate(keys, 1)}
        rest, texts = reverse(f"{namespace}{name}", kwargs=marks), []
        for mark in marks.values():
            text, _mark, rest = rest.partition(mark)
            texts.append(text)
        methods = tuple(sorted(matrix.methods_of(pattern)))
        yield Route(name, "", (*texts, rest), tuple(keys), methods)


def admin_routes():
    """Yields the pages of our models, and those of a device with our tabs."""
    found = {name: load_model(model) for name, model in MODELS.items()}
    found["device"] = load_any_model("config", "Device")
    for name, model in found.items():
        options = model._meta
        base = f"admin:{options.app_label}_{options.model_name}_changelist"
        base = reverse(base)
        for parts in routes_of_admin(admin.site._registry[model]):
            texts, kinds = (base + parts[0], *parts[2::2]), tuple(parts[1::2])
            if name == "device" and not _is_page_of_device(parts, kinds):
                continue
            label = f"{name} {''.join(parts)}"
            yield Route(label, name, texts, kinds, ADMIN_METHODS)
    for view in CHOICES:
        yield Route(view, "choices", (reverse(f"admin:{view}"),), (), ADMIN_METHODS)


def _is_page_of_device(parts, kinds):
    # "recover/1/" is one, what others add before the key is not
    return parts[-1] in DEVICE_PAGES and parts[0] in ("", "add/", "recover/")


class Addresses:
    """Makes addresses.

    Arguments:
        world: the objects.
        versions: numbers of revisions by model, what was deleted last.
    """

    def __init__(self, world, versions):
        self.world, self.versions = world, versions
        self.asker = matrix.Asker(world)
        self.rest, self.admin = list(rest_routes()), list(admin_routes())
        self.light = [route for route in self.admin if route.model != "device"]
        self.lists = [route for route in self.light if route.is_list]
        self.ids = self._all_ids()
        others = ("all", "_facets", "next")
        self.names = sorted({*NAMES.split(), *LOOKUPS, *PARAMETERS, *others})
        self.fields = self._fields()
        labels = {model._meta.app_label for model in apps.get_models()}
        self.labels = sorted(labels)
        self.models = sorted({model._meta.model_name for model in apps.get_models()})

    def _all_ids(self):
        found = []
        for target in TARGETS:
            rows = vars(self.world.targets[target]).values()
            found += [str(row.pk) for row in rows if row is not None]
        return found

    @staticmethod
    def _fields():
        """Returns names of fields by model, all of them under ""."""
        found = {}
        for name, model in MODELS.items():
            fields = load_model(model)._meta.get_fields()
            found[name] = sorted(field.name for field in fields)
        return found | {"": sorted(set().union(*found.values()))}

    def make(self, chance):
        """Returns (route, target, address)."""
        chosen = self.rest if happens(chance, 0.5) else self.admin
        route = chance.choice(chosen)
        if route.model == "device" and not happens(chance, DEVICES):
            # of all pages, lists read most of their query
            is_list = happens(chance, 0.3)
            route = chance.choice(self.lists if is_list else self.light)
        target = chance.choices(TARGETS, (6, 2, 2))[0]
        if not route.is_admin and happens(chance, 0.02):
            build = self.world.targets["own"].build.pk
            return route, target, BASE + chance.choice(PATHS).format(pk=build)
        good = self._keys(route, target, chance)
        # as quoted parts of an address
        keys = [self._key(chance, key) for key in good]
        pairs = zip(route.texts, [*keys, ""], strict=True)
        return route, target, "".join(text + key for text, key in pairs)

    def _key(self, chance, good):
        if happens(chance, 0.75):
            return str(good)
        return self.value(chance)

    def value(self, chance):
        """Returns an odd value of a parameter, or the id of any object."""
        if happens(chance, 0.3):
            return chance.choice(self.ids)
        return in_address(chance)

    def _keys(self, route, target, chance):
        chosen = self.world.targets[target]
        if not route.is_admin:
            return self.asker._keys(route.name, chosen).values()
        rows = {
            "category": [chosen.category],
            "build": [chosen.build],
            "batch": [chosen.running_batch, chosen.failed_batch],
            "operation": [chosen.running, chosen.failed],
            "device": [chosen.device, chosen.failed.device],
        }.get(route.model)
        pk = str(chance.choice(rows).pk) if rows else ""
        if "device/" in route.name:
            pk = str(chosen.device.pk)
        versions = self.versions.get(route.model, [1])
        slugs = ("group", "location", "x")
        return [
            {"slug": chance.choice(slugs), "digits": str(chance.choice(versions))}.get(
                kind, pk
            )
            for kind in route.kinds
        ]

    def query(self, chance, route):
        """Returns the query of an address, often ""."""
        if route.model == "choices":
            return self._of_choices(chance)
        if happens(chance, 0.35):
            return ""
        if happens(chance, 0.1):
            return chance.choice(QUERIES)
        count = chance.choice((1, 1, 1, 2, 3, 5))
        pairs = [
            f"{self._name(chance, route)}={self.value(chance)}" for _ in range(count)
        ]
        if happens(chance, 0.1):
            pairs.append(pairs[0])
        return "&".join(pairs)

    def _name(self, chance, route):
        if happens(chance, 0.6):
            return chance.choice(self.names)
        # those of the model first of all, a list refuses others
        path = [chance.choice(self.fields.get(route.model, self.fields[""]))]
        path += chance.choices(self.fields[""], k=chance.choice((0, 0, 0, 1, 2)))
        if happens(chance, 0.7):
            path.append(chance.choice(COMPARISONS))
        if happens(chance, 0.05):
            path.append(chance.choice(RAW))
        return "__".join(path)

    def _of_choices(self, chance):
        label = load_model("Build")._meta.app_label
        names = {
            "app_label": (label, chance.choice(self.labels)),
            "model_name": ("build", chance.choice(self.models)),
            "field_name": ("category", chance.choice(self.fields[""])),
        }
        pairs = [f"{name}={chance.choice(values)}" for name, values in names.items()]
        for name in ("term", "page", "organization", *names):
            if happens(chance, 0.2):
                pairs.append(f"{name}={self.value(chance)}")
        chance.shuffle(pairs)
        return "&".join(pairs)
