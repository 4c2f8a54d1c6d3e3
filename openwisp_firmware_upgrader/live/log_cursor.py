"""Protocol 2: the log of an operation, line by line, from where a client was."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from django.db.models import F
from django.db.models.functions import Length, Substr

from ..protocols import PrimaryKey
from ..state.log_times import parsed
from ..statuses import FINISHED
from ..swapper import load_model
from . import payloads

PROTOCOL = 2
# what is told of an operation besides its log
FIELDS = ("device_id", "image_id", "status", "progress", "phase", "modified", "created")


class Follower:
    """What one client was told of one operation.

    The number of a line (``seq``) is its place in the stored log, from 1. Lines are
    read from the row, what an event carries is only the reason to look: so none is
    missed, repeated or out of order, whoever has written it.

    Arguments:
        pk: primary key of the operation.
        after_seq: number of the last line that the client has.
    """

    def __init__(self, pk: PrimaryKey, after_seq: int = 0) -> None:
        self.pk = pk
        self.seq = after_seq
        # characters of the log that were read, None before the first look
        self._read: int | None = None
        # characters of its times that were read
        self._times_read = 0
        self._shown: dict[str, Any] = {}

    @property
    def ended(self) -> bool:
        """Whether the client was told that the operation has ended."""
        return self._shown.get("status") in FINISHED

    def news(self) -> list[dict[str, Any]]:
        """Returns messages for what is new, in one query: lines, then the rest."""
        row = self._row()
        if row is None:
            return []
        if row["length"] < (self._read or 0):
            # another log: the client starts over
            self.seq, self._read, self._times_read = 0, None, 0
            return self.news()
        row.pop("length")
        times = self._times(row.pop("times"))
        lines = self._lines(row.pop("tail"))
        messages = [self._line_message(*line, times) for line in lines]
        moved = {**row, "modified": None}
        if moved != self._shown:
            self._shown = moved
            messages.append(self._operation_message(row))
        return messages

    def _row(self) -> dict[str, Any] | None:
        rows = load_model("UpgradeOperation").objects.filter(pk=self.pk)
        start = (self._read or 0) + 1
        tail = Substr(F("log"), start) if self._read else F("log")
        return rows.values(
            *FIELDS,
            length=Length("log"),
            tail=tail,
            times=Substr(F("log_times"), self._times_read + 1),
        ).first()

    def _times(self, times: str) -> dict[int, int]:
        self._times_read += len(times)
        return parsed(times)

    def _lines(self, tail: str) -> list[tuple[int, int, str]]:
        if self._read is None:
            return self._first_lines(tail)
        text = tail[1:] if self._read else tail
        place = self._read + len(tail) - len(text)
        found = _placed(text, self.seq + 1, place) if tail else []
        self._read += len(tail)
        self.seq += len(found)
        return found

    def _first_lines(self, log: str) -> list[tuple[int, int, str]]:
        found = _placed(log, 1, 0) if log else []
        known = self.seq if self.seq <= len(found) else 0
        self._read, self.seq = len(log), len(found)
        return found[known:]

    def _line_message(
        self, seq: int, place: int, line: str, times: dict[int, int]
    ) -> dict[str, Any]:
        message = {
            "type": "log_line",
            "protocol": PROTOCOL,
            "operation_id": str(self.pk),
            "seq": seq,
            "line": line,
        }
        if place in times:
            moment = datetime.fromtimestamp(times[place], timezone.utc)
            message["time"] = payloads.local_time(moment)
        return payloads.stamped(message)

    def _operation_message(self, row: dict[str, Any]) -> dict[str, Any]:
        image = row["image_id"]
        data = {
            "id": str(self.pk),
            "device": str(row["device_id"]),
            "image": str(image) if image else None,
            "status": row["status"],
            "phase": row["phase"],
            "progress": row["progress"],
            "last_seq": self.seq,
            "modified": payloads.local_time(row["modified"]),
            "created": payloads.local_time(row["created"]),
        }
        message = {**payloads.operation_update(data), "protocol": PROTOCOL}
        return payloads.stamped(message)


def _placed(text: str, seq: int, place: int) -> list[tuple[int, int, str]]:
    """Returns lines with their number and their place in the log.

    Arguments:
        text: the lines.
        seq: number of the first one.
        place: characters of the log before it.
    """
    found = []
    for number, line in enumerate(text.split("\n"), seq):
        found.append((number, place, line))
        place += len(line) + 1
    return found


def speaks_protocol_2(content: dict[str, Any]) -> bool:
    """Tells whether a client asks for protocol 2."""
    return type(content.get("protocol")) is int and content["protocol"] == PROTOCOL


def last_line(value: object) -> int:
    """Returns the number of a line as a client sends it, 0 for what is none."""
    return value if type(value) is int and value > 0 else 0
