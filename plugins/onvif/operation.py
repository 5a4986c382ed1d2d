"""Operation: one call of ONVIF, said once: its name, who may call it, and the method that answers.

    class Device(Service):
        prefix = "tds"

        @operation("GetHostname", Access.PRE_AUTH)
        def hostname(self, call: Call) -> Answer:
            return tag("tds:HostnameInformation", ...)

The method gives what stands in the response element; the element itself is made from the name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from camd.state import Permission, Principal

from .access import Access
from .faults import NotAuthorized, invalid, missing
from .names import NAMESPACES, qualified
from .xml import Xml

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from .context import Context

Answer = Xml | Iterable[Xml | None] | None


@dataclass(frozen=True, slots=True)
class Call:
    """One request while it is answered.

    element: the one in the Body. by: who asks. address: of the client. base: how the client reaches us,
    "http://192.0.2.5:8080", without a slash at the end. below: what follows the path of the service (the
    id of a subscription). gone: functions called when the client leaves before it has its answer.
    """

    element: Element
    by: Principal
    address: str = ""
    base: str = "http://localhost"
    below: str = ""
    gone: list[Callable[[], None]] = field(default_factory=list)

    @property
    def host(self) -> str:
        """The name or address in `base`, as it stands in a URL."""
        host = self.base.partition("://")[2].partition("/")[0]
        return host if host.endswith("]") else host.rpartition(":")[0] or host

    def find(self, path: str) -> Element | None:
        """The first element at "trt:A/tt:B" below the request."""
        return self.element.find("/".join(map(qualified, path.split("/"))))

    def all(self, path: str) -> list[Element]:
        return self.element.findall("/".join(map(qualified, path.split("/"))))

    def text(self, path: str) -> str | None:
        """The text of an element, None without one."""
        return text_of(self.find(path))

    def texts(self, path: str) -> list[str]:
        return [text_of(element) or "" for element in self.all(path)]

    def needed(self, path: str) -> str:
        """The text of an element that must be there. Raises Fault."""
        text = self.text(path)
        if not text:
            raise missing(path.rpartition(":")[2])
        return text

    def number(self, path: str) -> float | None:
        """The number in an element, None without one. Raises Fault."""
        return number_of(self.find(path))

    def flag(self, path: str) -> bool | None:
        """xs:boolean in an element, None without one. Raises Fault."""
        text = self.text(path)
        if text is None:
            return None
        if text not in ("true", "false", "1", "0"):
            raise invalid("a truth value is true or false")
        return text in ("true", "1")

    def may(self, permission: Permission, camera: str = "") -> None:
        """Raises NotAuthorized if the asker may not."""
        if not self.by.may(permission, f"cameras/{camera}/" if camera else ""):
            raise NotAuthorized()


def text_of(element: Element | None) -> str | None:
    return None if element is None else (element.text or "").strip()


def number_of(element: Element | None) -> float | None:
    """The number in an element. Raises Fault if there is something else."""
    return None if element is None else to_number(element.text or "")


def to_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not -1e12 < number < 1e12:  # false for NaN
        raise invalid(f"{text[:20]!r} is no number that can be used here")
    return number


Method = Callable[[Any, Call], "Answer | Awaitable[Answer]"]


@dataclass(frozen=True, slots=True)
class Operation:
    """name: "GetHostname"; prefix: of its namespace, "tds"; access: who may; method: of the Service."""

    name: str
    prefix: str
    access: Access
    method: Method

    @property
    def request(self) -> str:
        return f"{self.prefix}:{self.name}"

    @property
    def response(self) -> str:
        return f"{self.prefix}:{self.name}Response"


def operation(name: str, access: Access, prefix: str = "") -> Callable[[Method], Method]:
    """Marks a method of a Service as the answer to the operation of that name."""

    def note(method: Method) -> Method:
        known = getattr(method, "operations", ())
        method.operations = (*known, (name, access, prefix))  # type: ignore[attr-defined]
        return method

    return note


class Service:
    """One service of ONVIF: its methods marked with `operation`.

    prefix: of its namespace; path: where it is reached, below /onvif, "" for a part of another service;
    version: of its document.
    """

    prefix = ""
    path = ""
    version = (25, 6)

    def __init__(self, context: Context):
        self.context = context

    @property
    def namespace(self) -> str:
        return NAMESPACES[self.prefix]

    def capabilities(self) -> Xml:
        """The element Capabilities of its GetServiceCapabilities."""
        raise NotImplementedError

    @operation("GetServiceCapabilities", Access.PRE_AUTH)
    def service_capabilities(self, call: Call) -> Answer:
        return self.capabilities()

    def operations(self) -> Iterator[Operation]:
        """Every operation of this service."""
        for name in dir(type(self)):
            method = getattr(type(self), name)
            for about in getattr(method, "operations", ()):
                if about[0] == "GetServiceCapabilities" and not self.path:
                    continue
                yield Operation(about[0], about[2] or self.prefix, about[1], getattr(self, name))


def operations_of(services: Iterable[Service]) -> dict[str, Operation]:
    """The table: "tds:GetHostname" -> Operation, whose method takes the Call only."""
    return {operation.request: operation for service in services for operation in service.operations()}
