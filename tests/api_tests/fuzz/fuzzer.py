"""Sends random requests of one role, each made from its number alone."""

from __future__ import annotations

import logging
import random
from collections import Counter
from contextlib import contextmanager

from django.core.cache import cache
from django.db import transaction
from django.test import Client, override_settings
from reversion import create_revision
from reversion.models import Version

from .. import people
from ..hostile import HEADERS
from ..world import World
from .addresses import ODD_METHODS, Addresses
from .bodies import Bodies
from .kept import Request, written
from .values import happens

COOKIES = "django.contrib.sessions.backends.signed_cookies"
# the REST API shows pages, too, which take long
PAGES = ({"Accept": "text/html"},) * 4
# how many requests a minute are allowed is not what is tested
CLEAR_EVERY = 500


class Fuzzer:
    """Sends requests as any role; nothing of them stays.

    Arguments:
        world: the objects and users.
    """

    def __init__(self, world):
        self.world = world
        self.addresses = Addresses(world, versions(world))
        admin = Client()
        admin.force_login(world.users["superuser"])
        self.bodies = Bodies(self.addresses, admin)
        self.clients, self.tokens = {}, {}
        for role, user in world.users.items():
            token = user and f"Bearer {people.token_of(user)}"
            self.tokens[role] = {"HTTP_AUTHORIZATION": token} if token else {}
        foreign = vars(world.targets["foreign"]).values()
        self.foreign = [str(row.pk) for row in foreign]
        self.statuses = Counter()

    def request(self, role, number):
        """Returns the request that a role sends under a number."""
        chance = random.Random(f"{role}:{number}")
        route, target, url = self.addresses.make(chance)
        method = chance.choice(route.methods)
        if happens(chance, 0.05):
            method = chance.choice(ODD_METHODS)
        query = self.addresses.query(chance, route)
        body, kind = self.bodies.make(chance, route, method, target)
        headers = self._headers(chance) if happens(chance, 0.1) else {}
        return Request(method, f"{url}?{query}" if query else url, body, kind, headers)

    @staticmethod
    def _headers(chance):
        found = chance.choice((*HEADERS, *PAGES))
        # of the connection, which there is none of here
        return {name: value for name, value in found.items() if name[:8] != "Content-"}

    def _client(self, role):
        """Returns the client of a role, with nothing but its session."""
        if role not in self.clients:
            client = Client(raise_request_exception=False)
            if user := self.world.users[role]:
                client.force_login(user)
            self.clients[role] = client, client.cookies.output(header="", sep=";")
        client, cookies = self.clients[role]
        client.cookies.clear()
        client.cookies.load(cookies)
        return client

    def send(self, role, number):
        """Sends a request; returns what is wrong with its answer, "" if nothing."""
        wrong = self.send_this(role, self.request(role, number))
        return wrong and f"FUZZ_SEED={role}:{number} {wrong}"

    def send_this(self, role, request):
        """The same for a request that was not made here."""
        if self.statuses.total() % CLEAR_EVERY == 0:
            cache.clear()
        with transaction.atomic():
            try:
                wrong = self._judged(role, request)
            except Exception as error:  # noqa: BLE001 whatever it was, it is told
                wrong = repr(error)
            transaction.set_rollback(True)
        return wrong and f"{wrong}\n{written(role, request, self.world)}"

    def summary(self):
        """Returns how often each role got which status, as text."""
        lines = []
        for role in sorted({role for role, _status in self.statuses}):
            found = sorted((s, n) for (r, s), n in self.statuses.items() if r == role)
            counts = ", ".join(f"{status}: {number}" for status, number in found)
            lines.append(f"{role}: {sum(n for _s, n in found)} requests, {counts}")
        return "\n".join(lines)

    def _judged(self, role, request):
        names = {
            f"HTTP_{name.upper().replace('-', '_')}": value
            for name, value in request.headers.items()
        }
        is_rest = request.url.startswith("/api/")
        response = self._client(role).generic(
            request.method,
            request.url,
            request.body,
            content_type=request.kind,
            **({**self.tokens[role], **names} if is_rest else names),
        )
        content = response.getvalue() if response.streaming else response.content
        self.statuses[role, response.status_code] += 1
        if response.status_code >= 500:
            error = getattr(response, "exc_info", ("", content[:300], ""))[1]
            return f"{response.status_code} {error!r}"[:900]
        if role == "superuser":
            return ""
        told = [key for key in self.foreign if key.encode() in content]
        told = [key for key in told if not request.has(key)]
        return f"{response.status_code} tells foreign {told}" if told else ""


@contextmanager
def fuzzing(mark):
    """Lets a ``Fuzzer`` work on objects of its own, which go afterwards.

    Arguments:
        mark: makes the names of the objects unique.
    """
    # sessions are in their cookies: no request changes that of the next one
    with override_settings(SESSION_ENGINE=COOKIES), transaction.atomic():
        fuzzer = Fuzzer(World(mark))
        # thousands of refusals are what this is about
        logging.disable(logging.CRITICAL)
        try:
            yield fuzzer
        finally:
            logging.disable(logging.NOTSET)
            transaction.set_rollback(True)


def versions(world):
    """Makes revisions; returns their numbers by model, of deleted rows too."""
    found = {"category": [], "device": []}

    def note(model, row):
        with create_revision():
            row.save()
        last = Version.objects.get_for_object(row).first()
        found[model].append(last.pk)

    for target in world.targets.values():
        owner = target.organization or world.organizations["own"]
        gone = world.device(owner, target.old_image)
        empty = type(target.category)(name=f"gone {target.category.name}")
        empty.organization = target.organization
        for model, lost in (("category", empty), ("device", gone)):
            note(model, getattr(target, model))
            note(model, lost)
            lost.delete(**({"check_deactivated": False} if lost is gone else {}))
    return found
