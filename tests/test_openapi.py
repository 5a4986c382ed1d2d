"""The OpenAPI document: whole, true to what serves, and filtered by the rights of its reader."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from camd.hookspecs import ANY, Route
from camd.state import EVERYONE, Permission, Spec, State
from camd.testing import app_for_tests
from camd.web import rest
from camd.web.rest.described import DESCRIBED, of_route
from camd.web.rest.openapi import ONE_STATE, document
from camd.web.rest.operation import PUBLIC, READER, Answer, Operation
from camd.web.rest.schema import of_writing
from camd.web.rest.state import StateNoun

from .rest_client import WHO

STATIC = Path(__file__).parent.parent / "camd" / "web" / "static"
BUNDLED = tuple(
    sorted(path.parent.name for path in (Path(__file__).parent.parent / "plugins").glob("*/__init__.py"))
)
LIGHT, GAIN, SECRET = "cameras/front/light", "cameras/back/gain", "users/secret"


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for below in node.values():
            yield from references(below)
    elif isinstance(node, list):
        for below in node:
            yield from references(below)


def resolve(root: Any, pointer: str) -> Any:
    node = root
    for step in pointer.removeprefix("#/").split("/"):
        node = node[step.replace("~1", "/").replace("~0", "~")]
    return node


def operations_of(doc: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in doc["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def fault(doc: Any) -> str:
    """What is wrong with a document, "" if nothing: the rules of OpenAPI that are easily broken."""
    for reference in references(doc):
        try:
            resolve(doc, reference)
        except (KeyError, TypeError):
            return f"{reference} points nowhere"
    ids = [operation["operationId"] for _, _, operation in operations_of(doc)]
    if len(ids) != len(set(ids)):
        return "an operationId is there twice"
    tags = {tag["name"] for tag in doc["tags"]}
    for path, method, operation in operations_of(doc):
        places = set(re.findall(r"\{(\w+)\}", path))
        named = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        if places != named:
            return f"{method} {path}: variables {places}, parameters {named}"
        if not operation["responses"] or not operation["summary"] or not set(operation["tags"]) <= tags:
            return f"{method} {path} lacks something"
        if any(
            not answer.get("description") and "$ref" not in answer
            for answer in operation["responses"].values()
        ):
            return f"{method} {path}: an answer without description"
        if "requestBody" in operation and method == "get":
            return f"{method} {path} has a body"
    return ""


class StateSchemaTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = State()
        self.state.declare(
            Spec(LIGHT, bool, default=False, read="Device_r", write="Device_rw", doc="The lamp.")
        )
        self.state.declare(Spec(GAIN, int, default=5, min=0, max=10, read="Device_r", write="Device_rw"))
        self.state.declare(Spec(SECRET, str, default="x", read="User_r", write="User_rw"))

    def document(self, by: str) -> Any:
        return document(StateNoun(None).operations(), self.state, WHO[by])

    def test_it_is_well_formed(self) -> None:
        self.assertEqual(fault(self.document("admin")), "")

    def test_every_state_has_its_own_types(self) -> None:
        doc = self.document("admin")
        self.assertNotIn(ONE_STATE, doc["paths"])
        for name in (LIGHT, GAIN, SECRET):
            put = doc["paths"]["/api/state/" + name]["put"]
            value = put["requestBody"]["content"]["application/json"]["schema"]["properties"]["value"]
            self.assertEqual(resolve(doc, value["$ref"]), of_writing(self.state[name].spec))
        get = doc["paths"]["/api/state/" + LIGHT]["get"]
        self.assertEqual((get["summary"], get["x-permission"]), ("Read a value: The lamp.", "Device_r"))
        self.assertEqual(list(doc["paths"]["/api/state/system/schema"]), ["get"])
        changes = doc["components"]["schemas"]["StateChanges"]
        self.assertEqual(
            (set(changes["properties"]), changes["additionalProperties"]), ({LIGHT, GAIN, SECRET}, False)
        )

    def test_a_reader_sees_the_states_that_it_may_use(self) -> None:
        for by, read, written in (
            ("viewer", {LIGHT, GAIN, "system/schema"}, set()),
            ("operator", {LIGHT, GAIN, "system/schema"}, {LIGHT, GAIN}),
            ("front", {LIGHT, SECRET, "system/schema"}, {LIGHT, SECRET}),
            ("reading-guest", {LIGHT, GAIN}, set()),
            ("nobody", set(), set()),
        ):
            doc = self.document(by)
            for name in (LIGHT, GAIN, SECRET, "system/schema"):
                methods = {"get"} & ({"get"} if name in read else set()) | (
                    {"put"} if name in written else set()
                )
                self.assertEqual(set(doc["paths"].get("/api/state/" + name, {})), methods, f"{by} {name}")
                if name not in read | written:
                    self.assertNotIn(name, json.dumps(doc))
            self.assertEqual(fault(doc), "")


class AnswerTests(SynchronousTestCase):
    def entry(self, permission: Any, method: str = "GET", **more: Any) -> Any:
        operation = Operation(method, "/api/thing", permission, "Do it", {200: Answer("Done", {})}, **more)
        return document([operation], State(), EVERYONE)["paths"]["/api/thing"][method.lower()]

    def test_which_refusals_are_told(self) -> None:
        always = {"200", "421", "429"}
        for permission, method, more, statuses in (
            (PUBLIC, "GET", {}, set()),
            (ANY, "GET", {}, {"401"}),
            (READER, "GET", {}, {"401"}),
            (Permission.User_r, "GET", {}, {"401", "403"}),
            (ANY, "DELETE", {}, {"401", "403", "412"}),
            (
                Permission.User_rw,
                "POST",
                {"body": {}},
                {"400", "401", "403", "412", "413", "415", "422", "503"},
            ),
        ):
            self.assertEqual(
                set(self.entry(permission, method, **more)["responses"]), always | statuses, permission
            )

    def test_what_is_public_needs_no_secret(self) -> None:
        self.assertEqual(self.entry(PUBLIC)["security"], [])
        self.assertNotIn("security", self.entry(ANY))

    def test_who_may(self) -> None:
        self.assertEqual(self.entry(Permission.User_r)["x-permission"], "User_r")
        self.assertEqual(self.entry(ANY)["x-permission"], "authenticated")


class RouteTests(SynchronousTestCase):
    """What a resource says of itself."""

    def test_a_body_has_what_states_take(self) -> None:
        spec = Spec(GAIN, int, min=0, max=10, read="Device_r", write="Device_rw")

        class Resource:
            described: ClassVar = {
                "PUT": {
                    "summary": "Set it",
                    "answers": {200: "Done"},
                    "body": lambda by: {"properties": {"gain": spec} if by.may(spec.write, GAIN) else {}},
                }
            }

        route = Route("/api/gain", Resource(), "Device_r", "Device_rw")
        for by, takes in (("admin", {"gain": of_writing(spec)}), ("viewer", {})):
            (operation,) = of_route(route, WHO[by])
            self.assertEqual(operation.body, {"properties": takes}, by)


class PageTests(SynchronousTestCase):
    def test_the_page_has_nothing_inline_and_nothing_from_elsewhere(self) -> None:
        page = (STATIC / "docs.html").read_text()
        self.assertNotRegex(page, r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)")
        for name in ("docs.html", "docs.css", "docs.js"):
            self.assertNotRegex((STATIC / name).read_text(), r"https?://|//\w+\.\w|innerHTML|eval\(")

    def test_it_finds_its_files_from_where_it_is_served(self) -> None:
        page = (STATIC / "docs.html").read_text()
        for address in re.findall(r'(?:href|src)="([^"]+)"', page):
            if address not in ("../", "openapi.json"):
                self.assertTrue((STATIC / address.removeprefix("../")).is_file(), address)


class RealTreeTests(SynchronousTestCase):
    """The document of a real camd with its bundled plugins."""

    def setUp(self) -> None:
        self.app = app_for_tests(
            Path(self.mktemp()), {name: import_module(f"plugins.{name}") for name in BUNDLED}
        )
        self.addCleanup(self.app.extensions.stop_services)
        self.operations = rest.described(self.app, rest.operations(self.app), EVERYONE)
        self.document = document(self.operations, self.app.state, EVERYONE)

    def test_it_is_well_formed(self) -> None:
        self.assertEqual(fault(self.document), "")

    def test_every_route_is_described(self) -> None:
        described = set(self.document["paths"])
        for route in self.app.web.routes:
            self.assertTrue(
                any(path == route.path or path.startswith(route.path + "/") for path in described), route.path
            )

    def test_every_route_of_the_core_is_described_by_hand(self) -> None:
        """What is made of a docstring is good enough for a plugin only."""
        core = app_for_tests(Path(self.mktemp()))
        known = {operation.path for operation in (*rest.operations(core), *DESCRIBED)}
        for route in core.web.routes:
            self.assertTrue(
                any(path == route.path or path.startswith(route.path + "/") for path in known), route.path
            )

    def test_nothing_is_described_that_is_not_there(self) -> None:
        for operation in (*rest.operations(self.app), *DESCRIBED):
            names = operation.path.split("/")
            starts = {"/".join(names[: length + 1]) for length in range(1, len(names))}
            self.assertTrue(starts & {route.path for route in self.app.web.routes}, operation.path)

    def test_the_permissions_are_those_of_the_guard(self) -> None:
        for route in self.app.web.routes:
            for operation in (o for o in self.operations if o.path == route.path and o.handler is None):
                wanted = PUBLIC if route.open else route.read if operation.method == "GET" else route.write
                if route.path != "/api":  # asks for itself, because of identities within messages
                    self.assertEqual(operation.permission, wanted, f"{operation.method} {route.path}")

    def test_every_operation_of_rest_goes_through_its_guard(self) -> None:
        """The guard is never stricter than an Operation, else somebody is kept out who may."""
        routes = {route.path: route for route in self.app.web.routes}
        for operation in rest.operations(self.app):
            route = routes["/".join(operation.path.split("/")[:3])]
            guard = route.read if operation.method == "GET" else route.write
            self.assertTrue(route.open or guard in (operation.permission, ANY, READER), operation)
            self.assertTrue(route.open or guard != ANY or operation.permission != READER, operation)

    def test_its_size_is_bounded(self) -> None:
        self.assertLess(len(json.dumps(self.document)), 1_000_000)
