"""The schemas of ONVIF as one, for answers and requests: compiled once in each test run."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

from lxml import etree

FIXTURES = Path(__file__).parent / "fixtures" / "onvif"
WSDLS = (
    "ver10/device/wsdl/devicemgmt.wsdl", "ver10/media/wsdl/media.wsdl", "ver20/media/wsdl/media.wsdl",
    "ver20/ptz/wsdl/ptz.wsdl", "ver20/imaging/wsdl/imaging.wsdl", "ver20/analytics/wsdl/analytics.wsdl",
    "ver10/deviceio.wsdl", "ver10/events/wsdl/event.wsdl",
)  # fmt: skip
XS = "http://www.w3.org/2001/XMLSchema"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"


@functools.cache
def schema() -> Any:
    """An lxml.etree.XMLSchema that knows every element of every service."""
    folder = Path(tempfile.mkdtemp(prefix="camd-onvif-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(FIXTURES, folder, dirs_exist_ok=True)
    for path in [*folder.rglob("onvif.xsd"), *folder.rglob("common.xsd")]:
        document = etree.parse(path)
        _determine(document)
        document.write(path)
    imports = [
        ("http://www.w3.org/2003/05/soap-envelope", "schema/common/soap-envelope"),
        ("http://docs.oasis-open.org/wsrf/r-2", "schema/common/r-2.xsd"),
    ]
    for name in WSDLS:
        document = etree.parse(folder / name)
        for lost in document.xpath("//*[contains(@schemaLocation, 'metadatastream')]"):
            lost.getparent().remove(lost)
        _determine(document)
        for number, part in enumerate(document.iter(f"{{{XS}}}schema")):
            extracted = f"{name}.{number}.xsd"
            (folder / extracted).write_bytes(etree.tostring(part))
            imports.append((part.get("targetNamespace"), extracted))
    text = "".join(f'<xs:import namespace="{space}" schemaLocation="{place}"/>' for space, place in imports)
    root = folder / "all.xsd"
    root.write_text(f'<xs:schema xmlns:xs="{XS}" targetNamespace="urn:camd:all">{text}</xs:schema>')
    return etree.XMLSchema(etree.parse(root))


def _determine(document: Any) -> None:
    """Some wildcards take what the element beside them takes, which XML Schema 1.0 forbids and
    libxml2 refuses: they take other namespaces only, or go, which is stricter."""
    for element in document.iter(f"{{{XS}}}element"):
        if element.get("type") == "tt:Frame":  # of the metadata stream, whose document is not here
            element.set("type", "xs:anyType")
    for wildcard in list(document.iter(f"{{{XS}}}any")):
        if len([beside for beside in wildcard.getparent() if isinstance(beside.tag, str)]) == 1:
            continue
        if wildcard.get("namespace") == "##any":
            wildcard.set("namespace", "##other")
        elif wildcard.get("namespace") == "##targetNamespace":
            wildcard.getparent().remove(wildcard)


@functools.cache
def operations() -> dict[str, frozenset[str]]:
    """Namespace -> names of the operations that its documents have."""
    found: dict[str, set[str]] = {}
    for name in WSDLS:
        root = etree.parse(FIXTURES / name).getroot()
        for port in root.iter(f"{_WSDL}portType"):
            found.setdefault(root.get("targetNamespace"), set()).update(
                operation.get("name") for operation in port.iter(f"{_WSDL}operation")
            )
    return {namespace: frozenset(names) for namespace, names in found.items()}


def check(element: Any) -> None:
    """Raises AssertionError with the reasons if the element is not valid, or if nobody knows it."""
    compiled = schema()
    if not compiled.validate(element):
        reasons = "\n".join(f"{error.line}: {error.message}" for error in compiled.error_log)
        raise AssertionError(f"{reasons}\n{etree.tostring(element, pretty_print=True).decode()}")
