"""What the OpenAPI document says of our operations holds, whoever asks.

Every role sends generated requests to every operation. Half of them are about
objects that exist. All are undone. ``SCHEMATHESIS_REQUESTS`` tells how many a role
sends at least.
"""

from __future__ import annotations

import logging
import os
import random
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.usefixtures("project")
ROLES = ("superuser", "administrator", "operator", "stranger", "anonymous")
PREFIX = "/firmware-upgrader/"
# an operation that a role may use gets more requests until one is answered 2xx
TRIES = 400
# one order of requests for everybody; another number tries another one
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "131"))
READS = ("GET", "HEAD", "OPTIONS")


@pytest.fixture(scope="module")
def world(project):
    """Objects and users, in a transaction that never ends."""
    from django.db import transaction

    from .world import World

    with transaction.atomic():
        yield World("schema-")
        transaction.set_rollback(True)


@pytest.fixture
def undisturbed(schema):
    """Requests do not close the connection, see ``connections_kept``."""
    with connections_kept():
        yield


@contextmanager
def connections_kept():
    """Keeps requests from closing the connection, which would end the transaction."""
    from django.core.signals import request_finished, request_started
    from django.db import close_old_connections

    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def schema(world):
    """The document as the server shows it, of our operations only."""
    return schema_of(world)


def schema_of(world):
    """Returns the document that the server shows a superuser, ours of it."""
    import schemathesis
    from django.core.wsgi import get_wsgi_application
    from django.test import Client

    # what it says of the views of others
    logging.getLogger("drf_yasg").setLevel("CRITICAL")
    client = Client()
    client.force_login(world.users["superuser"])
    document = client.get("/api/v1/docs/?format=openapi").json()
    loaded = schemathesis.openapi.from_dict(document)
    loaded.app = get_wsgi_application()
    return loaded.include(path_regex=PREFIX)


def existing(world, target):
    """Returns what generated names of parameters may stand for."""
    found = world.targets[target]
    owner = found.organization or world.organizations["own"]
    return {
        "build": found.build,
        "category": found.category,
        "image": found.image,
        "batch": found.failed_batch,
        "device": found.device,
        "device__organization": owner,
        "organization": found.organization,
    }


def subject(world, target, path):
    """Returns the object that the last id of a path stands for."""
    found = world.targets[target]
    names = (
        ("batch-upgrade-operation/{id}/cancel", found.running_batch),
        ("batch-upgrade-operation", found.failed_batch),
        ("device/{id}/upgrade-operation", found.failed.device),
        ("device/", found.device),
        ("upgrade-operation/{id}/cancel", found.running),
        ("upgrade-operation", found.failed),
        ("/image/{id}", found.image),
        ("build/", found.build),
        ("category/", found.category),
    )
    return next((made for part, made in names if part in path), None)


def make_real(case, world, chance, role):
    """Puts objects that exist into a request, mostly those of the organization."""
    target = chance.choices(("own", "foreign", "shared"), (6, 2, 2))[0]
    objects = existing(world, target)
    if role == "stranger":
        objects["organization"] = world.organizations["third"]
    for name in case.path_parameters or {}:
        made = objects["build"] if name == "build_pk" else None
        made = made or subject(world, target, case.operation.path)
        if made is not None:
            case.path_parameters[name] = str(made.pk)
    case.query = {
        name: str(getattr(objects.get(name), "pk", value))
        for name, value in dict(case.query or {}).items()
        if name not in ("organization", "page") and chance.random() < 0.5
    }
    if isinstance(case.body, dict):
        for name in set(case.body) & set(objects):
            made = objects[name]
            case.body[name] = str(made.pk) if made else None
        for name in ("group", "location", "upgrade_options"):
            case.body.pop(name, None)
        takes_files = case.media_type == "multipart/form-data"
        if takes_files and "file" in case.body and chance.random() < 0.8:
            from .world import OTHER_TYPE

            case.body.update(type=OTHER_TYPE, file=b"an image")


class Person:
    """One role that asks, and what it got."""

    def __init__(self, world, role, seed):
        from . import people

        self.world, self.role = world, role
        self.seed = seed
        self.requests = 0
        user = world.users[role]
        token = people.token_of(user) if user else ""
        self.headers = {"Authorization": f"Bearer {token}"} if user else {}
        self.user = user

    def may_use(self, operation):
        """Tells whether the contract lets this role use an operation."""
        if self.user is None:
            return False
        if self.role == "superuser":
            return True
        if self.role == "operator":
            reads = operation.method.upper() in READS
            return reads and "/category/" not in operation.path
        if self.role == "administrator":
            return True
        # whoever manages another organization has lists there, and makes categories
        is_list = "{" not in operation.path
        return is_list and (
            operation.method.upper() in READS or "/category/" in operation.path
        )

    def send(self, case):
        """Sends one request, checks its answer and undoes it."""
        from django.db import transaction
        from schemathesis.checks import not_a_server_error
        from schemathesis.specs.openapi.checks import (
            content_type_conformance,
            response_schema_conformance,
            status_code_conformance,
        )

        if self.chance.random() < 0.5:
            make_real(case, self.world, self.chance, self.role)
        self.requests += 1
        point = transaction.savepoint()
        try:
            response = case.call(headers=self.headers)
            checks = [not_a_server_error, status_code_conformance]
            # an answer without content has no type of it
            if response.status_code != 204:
                checks += [content_type_conformance, response_schema_conformance]
            case.validate_response(response, checks=checks)
        finally:
            transaction.savepoint_rollback(point)
        return response.status_code

    def use(self, operation, count):
        """Sends generated requests to one operation; returns (2xx, all)."""
        from hypothesis import HealthCheck, Phase, given, seed, settings

        # the same requests, whichever operations this process was given
        self.chance = random.Random(f"{self.seed}{operation.label}")
        statuses = []

        def run(number):
            @seed(self.chance.randrange(10**9))
            @settings(
                max_examples=number,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def ask(case):
                statuses.append(self.send(case))

            ask()

        run(count)
        while not good(statuses) and self.may_use(operation) and len(statuses) < TRIES:
            run(count)
        return good(statuses), len(statuses)


def good(statuses):
    """Returns how many answers were 2xx."""
    return sum(200 <= status < 300 for status in statuses)


def operations_of(schema):
    """Returns our operations."""
    return [found.ok() for found in schema.get_all_operations()]


def drive(schema, world, requests, seed, share=slice(None)):
    """Lets every role send so many requests at least; prints what they got.

    Arguments:
        schema: the document.
        world: the objects and users.
        requests: how many each role sends to all operations.
        seed: the order of chance.
        share: which of the operations to send them to.
    """
    from schemathesis.core.failures import FailureGroup

    operations = operations_of(schema)
    assert len(operations) >= 30
    count = -(-requests // len(operations))
    operations = operations[share]
    people = [Person(world, role, f"{seed}{role}") for role in ROLES]
    width = max(len(operation.label) for operation in operations)
    print(f"seed {seed}\n{'':{width}} {' '.join(f'{role:>13}' for role in ROLES)}")
    missing, broken = [], []
    for operation in operations:
        row = []
        for person in people:
            try:
                fine, sent = person.use(operation, count)
            except (AssertionError, FailureGroup) as error:
                broken.append(f"{person.role}: {operation.label}: {error}")
                row.append(f"{'broken':>13}")
                continue
            row.append(f"{f'{fine}/{sent}':>13}")
            if not fine and person.may_use(operation):
                missing.append(f"{person.role}: {operation.label}")
        print(f"{operation.label:{width}} {' '.join(row)}")
    assert broken == [], "\n\n".join(broken)
    assert missing == [], "never answered 2xx to a role that may use it"
    assert all(person.requests >= count * len(operations) for person in people)


def test_default(undisturbed, schema, world, caplog):
    caplog.set_level("CRITICAL", "django.request")
    requests = int(os.environ.get("SCHEMATHESIS_REQUESTS", "300"))
    drive(schema, world, requests, SEED)
