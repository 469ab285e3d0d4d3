"""A small system in memory that keeps every promise of the adapter port; its mutants break one each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from crossloop.actions.port import Capabilities, Conflict, Invalid, OutcomeUnknown, Performed, Unsupported
from crossloop.canonical import NotCanonical
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.testing import AdapterConformance, SystemUnderTest


@dataclass
class Boxes:
    """What stands on the shelf, and what happened; it survives its adapters."""

    labels: dict[str, object] = field(default_factory=dict)
    keys: dict[str, tuple[str, Performed]] = field(default_factory=dict)
    log: list[ActionKey] = field(default_factory=list)
    losing: bool = False


class Shelf:
    """An adapter: boxes with labels."""

    system = "shelf"
    capabilities = Capabilities(idempotent=True, find=True, undo=True)
    operations: ClassVar[dict[str, str]] = {
        "put": "Put a box with a label on the shelf.",
        "remove": "Take a box off the shelf.",
    }
    ARGUMENTS: ClassVar[dict[str, set[str]]] = {"put": {"name", "label"}, "remove": {"name"}}

    def __init__(self, boxes: Boxes) -> None:
        self.boxes = boxes

    async def perform(self, key: ActionKey, request: ActionRequest) -> Performed:
        self.check_operation(request)
        self.check_arguments(request)
        digest = self.digest(request)
        known = self.known(key, digest)
        if known is not None:
            if known[0] != digest:
                raise Conflict(f"{key} was used for another request.")
            return known[1]
        await self.pause()
        performed = self.do(key, request)
        self.keep(key, digest, performed)
        if self.boxes.losing:
            self.boxes.losing = False
            raise OutcomeUnknown("no answer came.")
        return performed

    async def find(self, key: ActionKey) -> Performed | None:
        known = self.boxes.keys.get(self.slot(key))
        return None if known is None else known[1]

    def undo_request(self, request: ActionRequest, performed: Performed) -> ActionRequest | None:
        return remove(str(request.arguments["name"])) if request.operation == "put" else None

    async def pause(self) -> None:
        """What stands between looking a key up and doing the work: nothing."""

    def check_operation(self, request: ActionRequest) -> None:
        if request.system != self.system or request.operation not in self.operations:
            raise Unsupported(f"{request.system}.{request.operation} is not known.")

    def check_arguments(self, request: ActionRequest) -> None:
        if set(request.arguments) != self.ARGUMENTS[request.operation]:
            raise Invalid(f"expected {sorted(self.ARGUMENTS[request.operation])}.")
        if not all(isinstance(value, str) and value for value in request.arguments.values()):
            raise Invalid("expected texts.")
        if request.resource != f"shelf/{request.arguments['name']}":
            raise Invalid("the request is for another box than its arguments.")

    def digest(self, request: ActionRequest) -> str:
        try:
            return request.digest()
        except NotCanonical as wrong:
            raise Invalid(f"{wrong}.") from None

    def known(self, key: ActionKey, digest: str) -> tuple[str, Performed] | None:
        return self.boxes.keys.get(self.slot(key))

    def keep(self, key: ActionKey, digest: str, performed: Performed) -> None:
        self.boxes.keys[self.slot(key)] = (digest, performed)

    def slot(self, key: ActionKey) -> str:
        return key

    def do(self, key: ActionKey, request: ActionRequest) -> Performed:
        name = str(request.arguments["name"])
        if request.operation == "put":
            self.boxes.labels[name] = request.arguments["label"]
        else:
            self.boxes.labels.pop(name, None)
        self.boxes.log.append(key)
        return Performed(reference=f"box-{len(self.boxes.log)}", detail=f"{request.operation} {name}")


def put(box: str, **arguments: object) -> ActionRequest:
    return ActionRequest.model_validate(
        {
            "system": "shelf",
            "operation": "put",
            "resource": f"shelf/{box}",
            "arguments": {"name": box, "label": f"this is {box}", **arguments},
        }
    )


def remove(name: str) -> ActionRequest:
    return ActionRequest.model_validate(
        {
            "system": "shelf",
            "operation": "remove",
            "resource": f"shelf/{name}",
            "arguments": {"name": name},
        }
    )


class ShelfConformance(AdapterConformance):
    """The suite on a shelf with everything given."""

    adapter: ClassVar[type[Shelf]] = Shelf

    def system(self) -> SystemUnderTest:
        boxes = Boxes()

        def lose() -> None:
            boxes.losing = True

        return SystemUnderTest(
            adapter=self.adapter(boxes),
            request=put("one"),
            other=put("two"),
            invalid=[put("one", label=7), put("one", name="two")],
            effects=boxes.log.count,
            state=lambda: dict(boxes.labels),
            reopen=lambda: self.adapter(boxes),
            losing=lose,
        )
