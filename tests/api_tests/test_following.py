"""Live events of a real upgrade, through daphne, Redis and a prefork worker."""

from __future__ import annotations

import random

import pytest
import websocket
from stack.project import wait_for

from openwisp_firmware_upgrader.testing import FleetProcess, release_of

pytestmark = [pytest.mark.usefixtures("project"), pytest.mark.real_clock]
SEED = random.randrange(10**6)


def refused(web, path, cookie):
    """Tells whether a socket is refused."""
    from .sockets import connect

    try:
        connect(web, path, cookie).close()
    except websocket.WebSocketBadStatusException as error:
        return error.status_code == 403
    return False


def ended(operation):
    """Tells whether an operation has ended."""
    operation.refresh_from_db()
    return operation.status != "in-progress"


def knows_the_end(listener):
    """Tells whether the last update was the end."""
    updates = [m for m in listener.messages if m["type"] == "operation_update"]
    return bool(updates) and updates[-1]["operation"]["status"] == "success"


def test_an_upgrade_is_followed(project, web):
    from stack import inventory

    from . import people
    from .sockets import Dropper, Listener

    print("seed", SEED)
    chance = random.Random(SEED)
    owner = inventory.organization("Followed")
    foreign = inventory.organization("Foreign")
    firmware = inventory.Firmware(owner, name="followed")
    own = people.user("follower", organization=owner, group="Operator")
    other = people.user("stranger", organization=foreign, group="Administrator")
    release = release_of(*inventory.OLD)
    with FleetProcess(devices=2, boot_time=2, release=release) as fleet:
        device, elsewhere = inventory.register(owner, fleet, firmware.old)
        type(elsewhere).objects.filter(pk=elsewhere.pk).update(organization=foreign)
        operation = inventory.start(device, firmware.new)
        paths = [f"upgrade-operation/{operation.pk}", f"device/{device.pk}"]
        cookie = people.cookie_of(other)
        assert [refused(web, path, cookie) for path in paths] == [True, True]
        assert all(refused(web, path, "") for path in paths)
        stranger = Listener(web, f"device/{elsewhere.pk}", cookie)
        cookie = people.cookie_of(own)
        plain = [Listener(web, path, cookie) for path in paths]
        drops = chance.sample(range(1, 9), 3)
        dropper = Dropper(web, paths[0], cookie, drops, chance.uniform(0, 0.6))
        for listener in (stranger, dropper, *plain):
            listener.start()
        project.worker(pool="prefork", slots=2)
        try:
            wait_for(lambda: ended(operation), "the end of the upgrade", 60)
            wait_for(lambda: dropper.status == "success", "news of the end", 15)
            wait_for(lambda: all(map(knows_the_end, plain)), "their news of it", 15)
        finally:
            project.stop_workers()
            heard = [listener.stop() for listener in plain]
            dropper.stop()
    assert operation.status == "success", operation.log
    assert len(dropper.resumed) == 3
    assert "\n".join(dropper.lines) == operation.log
    for messages in heard:
        updates = [m["operation"] for m in messages if m["type"] == "operation_update"]
        assert updates[-1]["status"] == "success"
        logs = [update["log"] for update in updates]
        assert logs == sorted(logs, key=len)
        assert all(operation.log.startswith(log) for log in logs)
        assert logs[-1] == operation.log
        # lines come as they are written, not all of them at the end
        assert len(set(logs)) >= 3
    assert stranger.stop() == []
