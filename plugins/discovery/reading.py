"""Reading XML from strangers: a small tree by a strict parser.

No document type, so no entities; bounded in size, depth and number of elements. Expat alone does it, so that
a question on the network costs neither memory nor a library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from camd.errors import Invalid

DEEPEST, MOST = 16, 256
#: Namespaces of one document; devices declare all that they know, some 60.
MOST_NAMESPACES = 100
_SEPARATOR = " "


@dataclass(slots=True)
class Element:
    """name: "{namespace}local"; prefixes: the namespaces that names in its text may mean."""

    name: str
    attributes: dict[str, str]
    prefixes: Mapping[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, *names: str) -> Element | None:
        """The first child with one of these names."""
        return next((child for child in self.children if child.name in names), None)

    def all(self, name: str) -> Iterator[Element]:
        return (child for child in self.children if child.name == name)

    def qualified(self) -> tuple[str, ...]:
        """The names in its text ("dn:Device") as "{namespace}local". One whose prefix means nothing stays as
        it is, and is nobody's name."""
        return tuple(self._qualify(name) for name in self.text.split())

    def _qualify(self, name: str) -> str:
        prefix, _, local = name.rpartition(":")
        namespace = self.prefixes.get(prefix)
        return f"{{{namespace}}}{local}" if namespace else name


def read(data: bytes) -> Element:
    """The root of a document. Raises Invalid."""
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Invalid("", f"no XML: {error}") from None
    assert reader.root is not None  # else it is no document
    return reader.root


class _Reader:
    """Collects the elements as the parser meets them."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._declared: dict[str, str] = {}
        self._count = self._namespaces = 0
        self.parser = parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._write
        parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise Invalid("", "a document type is not allowed")

    def _declare(self, prefix: str | None, namespace: str | None) -> None:
        self._namespaces += 1
        if self._namespaces > MOST_NAMESPACES:
            raise Invalid("", "too many namespaces")
        self._declared[prefix or ""] = namespace or ""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST or len(self._open) >= DEEPEST:
            raise Invalid("", "too many elements, or too deep")
        around = self._open[-1].prefixes if self._open else {}
        prefixes = {**around, **self._declared} if self._declared else around
        self._declared = {}
        element = Element(_named(name), {_named(key): value for key, value in attributes.items()}, prefixes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, name: str) -> None:
        self._open.pop()

    def _write(self, text: str) -> None:
        self._open[-1].text += text


def _named(name: str) -> str:
    namespace, separator, local = name.rpartition(_SEPARATOR)
    return f"{{{namespace}}}{local}" if separator else name
