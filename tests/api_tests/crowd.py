"""Two hundred browsers on the page of one mass upgrade, in a process of their own.

Arguments: address of the socket, cookie, number of clients, seconds. Prints JSON: for
each client the status that its last message about the batch told, the seconds it took
and the connections that were lost.
"""

from __future__ import annotations

import json
import sys
import time

import trio
from trio_websocket import ConnectionClosed, HandshakeError, open_websocket_url

# the state of a thousand operations is one message
LARGEST = 64 * 1024 * 1024
# seconds after which a page gives a connection up and begins anew
PATIENCE = 7
# seconds between two attempts of a page
AGAIN = 3
ENDED = ("success", "failed", "cancelled")
# each connection that did not last
lost = []


async def client(number, url, cookie, told, ready):
    """Follows the batch until it has ended, as a page does: it connects again."""
    while told.get(number) not in ENDED:
        try:
            await follow(number, url, cookie, told, ready)
        except (ConnectionClosed, HandshakeError, OSError) as error:
            lost.append(f"{number}: {type(error).__name__}")
            await trio.sleep(AGAIN)


async def follow(number, url, cookie, told, ready):
    """Listens on one connection; clients of both protocols take turns."""
    request = {"type": "request_current_state"}
    if number % 2:
        request["protocol"] = 2
    headers = [("Cookie", cookie)]
    async with open_websocket_url(
        url, extra_headers=headers, max_message_size=LARGEST, connect_timeout=PATIENCE
    ) as socket:
        await socket.send_message(json.dumps(request))
        while told.get(number) not in ENDED:
            status = status_in(json.loads(await socket.get_message()))
            told[number] = status or told.get(number, "")
            ready.add(number)


def status_in(message):
    """Returns the status of the batch that a message tells."""
    if message["type"] == "batch_state":
        return message["batch_status"]["status"]
    return message["status"] if message["type"] == "batch_status" else ""


async def crowd(url, cookie, number, seconds):
    """Runs all clients; returns what each was told last."""
    told, ready = {}, set()
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for each in range(number):
                nursery.start_soon(client, each, url, cookie, told, ready)
                await trio.sleep(0.05)
            while len(ready) < number:
                await trio.sleep(0.1)
            print("ready", flush=True)
    return told


def main():
    """Prints what was told."""
    url, cookie, number, seconds = sys.argv[1:]
    started = time.monotonic()
    told = trio.run(crowd, url, cookie, int(number), float(seconds))
    took = time.monotonic() - started
    print(json.dumps({"told": told, "seconds": round(took, 1), "lost": lost}))


if __name__ == "__main__":
    main()
