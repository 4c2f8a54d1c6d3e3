"""What is known of an upgrade and its device; kept in the row of the operation.

Whoever goes on after a worker that died knows nothing but this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TypeAlias

from django.db.models import Q

from ..foreign_text import clean_json
from ..protocols import JsonObject, Operation
from ..statuses import SECOND_HALF, UpgradeProgress

# what a device or an image says of a release: description, version, revision
ReleaseFacts: TypeAlias = Mapping[str, str | None]


@dataclass(frozen=True)
class FlashAnswer:
    """How the device answered the flash command.

    Attributes:
        kind: one of the constants of ``handoff``.
        text: what the device printed, or the error.
        code: the exit code, None when there was none.
    """

    kind: str
    text: str = ""
    code: int | None = None

    @classmethod
    def load(cls, stored: Mapping[str, object]) -> FlashAnswer:
        """Returns what a row holds."""
        code = stored.get("code")
        text = str(stored.get("text", ""))
        return cls(
            str(stored.get("kind")), text, code if isinstance(code, int) else None
        )


@dataclass(frozen=True)
class Evidence:
    """The facts of one operation; what is not known has its default.

    Attributes:
        failures: how many attempts ended in a failure that was tried again.
        services_stopped: services of the device must be started again.
        remote_path: where the image lies on the device, None when it does not.
        boot_id: id of the boot the device is flashed in.
        release: what the device ran before the flash.
        expected: what the image installs, None while nobody has looked.
        typed: ``expected`` is only what somebody typed into the build.
        overlay: whether the device has an overlay, None when it is not known.
        flash_sent_at: when the flash was announced, ISO 8601; from then on
            nobody flashes again.
        flash_answer: how the device answered.
        reason_lines: how many lines at the end of the log tell why it ended.
        legacy: an earlier version left the operation in progress.
        others: facts that this version does not know.
    """

    failures: int = 0
    services_stopped: bool = False
    remote_path: str | None = None
    boot_id: str | None = None
    release: ReleaseFacts = field(default_factory=dict)
    expected: ReleaseFacts | None = None
    typed: bool = False
    overlay: bool | None = None
    flash_sent_at: str | None = None
    flash_answer: FlashAnswer | None = None
    reason_lines: int = 1
    legacy: bool = False
    others: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def load(cls, stored: Mapping[str, object] | None) -> Evidence:
        """Returns what a row holds; None and nulls are "not known"."""
        facts = {
            name: fact for name, fact in (stored or {}).items() if fact is not None
        }
        known = {name: facts.pop(name) for name in KNOWN & facts.keys()}
        answer = known.get("flash_answer")
        if isinstance(answer, Mapping):
            known["flash_answer"] = FlashAnswer.load(answer)
        return cls(**known, others=facts)  # type: ignore[arg-type] # as it was dumped

    def dump(self) -> JsonObject:
        """Returns what the row is to hold: what is known, made fit to be stored."""
        found = asdict(self)
        facts = {name: found[name] for name in KNOWN if found[name] != DEFAULTS[name]}
        stored: JsonObject = clean_json({**self.others, **facts})
        return stored


def has_been_flashed(operation: Operation) -> bool:
    """Tells whether the device may have been flashed by this operation."""
    return bool(
        operation.phase in SECOND_HALF
        or Evidence.load(operation.evidence).flash_sent_at
        # upgraders of third parties report nothing but the progress
        or operation.progress >= UpgradeProgress.REFLASHING
    )


KNOWN = {each.name for each in fields(Evidence)} - {"others"}
DEFAULTS = asdict(Evidence())

# rows that an earlier version left in progress, and all others
LEGACY = Q(evidence__legacy=True)
NOT_LEGACY = Q(evidence__legacy__isnull=True)
