"""The pages are true: their examples work, their lists are complete, their links lead somewhere."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import txaio
from camd_plugins import monitor
from twisted.internet.defer import ensureDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

import camd.app
from camd.app import CORE, App
from camd.auth.accounts import Accounts
from camd.auth.users import Users
from camd.config import CameraConfig, load
from camd.errors import SourceError
from camd.hookspecs import Method, hookimpl
from camd.media import Capabilities, Format
from camd.state import Spec
from camd.testing import FakeSource, app_for_tests
from camd.web.client import SIGN_IN_TIME
from camd.web.presence import SIGNED_OUT
from camd.web.ratelimit import MESSAGES

from .auth_case import CHEAP, with_accounts

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
#: Pages beside docs/ whose links are checked, too.
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted(DOCS.rglob("*.md")),
]
#: Stands for what an example leaves out.
MORE = "…"
#: What is different in every run; only its kind is compared.
VOLATILE = {"rev", "boot", "cameras/cam1/since"}
#: Who signs in on the page.
NAME, PASSWORD, TOKEN = "ann", "Correct-horse-7", "camd_3_JDmbcCcoevtvlLuDFPrrMlPufzBZ6nypvPBASDOkA"


class Stubborn(FakeSource):
    """A camera with an exposure that cannot be set now."""

    def __init__(self, address: str):
        exposure = Spec(
            "control/exposure_time_absolute", int, min=1, max=5000, read="Device_r", write="Device_rw"
        )
        super().__init__(capabilities=Capabilities("Stubborn", controls=(exposure,)))

    def set(self, name: str, value: Any) -> Any:
        raise SourceError(
            f'/dev/video0: {name}: it is automatic now; first set auto_exposure to "Manual Mode"'
        )


class Lamp:
    """The plugin of the examples."""

    @hookimpl
    def camd_sources(self) -> dict[str, Any]:
        return {"stubborn": Stubborn}

    @hookimpl
    def camd_methods(self, app: Any) -> list[Method]:
        return [Method("lamp.blink", {"times": int}, "Device_rw", lambda times: f"blinked {times} times")]


def example_app(data_dir: Path) -> App:
    """camd with the cameras and plugins of the examples; cam1 was watched before, now nobody watches."""
    app = app_for_tests(data_dir, {**CORE, "monitor": monitor, "lamp": Lamp()})
    app.cameras.configure(
        {"cam1": CameraConfig("cam1", "test:"), "front": CameraConfig("front", "stubborn:")}
    )
    app.cameras["cam1"]._opened(Format("bgr", 1280, 720, 30.0))
    return app


def _people(accounts: Accounts) -> None:
    for name, role in (("admin", "administrator"), (NAME, "operator")):
        accounts.add_user(name, CHEAP.hash(PASSWORD), role, None, ())


class Connection:
    """A WebSocket client in memory, against the real site."""

    def __init__(self, app: App):
        self.transport = StringTransport()
        channel = app.web.site.buildProtocol(self.transport.getPeer())
        self.transport.protocol = channel  # as a real transport has it; the WebSocket takes its place
        channel.makeConnection(self.transport)
        key = base64.b64encode(bytes(16)).decode()
        channel.dataReceived(
            b"GET /api HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % key.encode()
        )
        assert self.transport.value().startswith(b"HTTP/1.1 101 "), self.transport.value()
        self.transport.clear()

    def close(self) -> None:
        self.transport.protocol.connectionLost(Failure(ConnectionDone()))

    def say(self, text: str) -> list[str]:
        """Send one text and return every text that came back."""
        payload = text.encode()
        size = (
            bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        )
        self.transport.protocol.dataReceived(b"\x81" + size + bytes(4) + payload)  # masked with zeros
        answer = self.transport.value()
        self.transport.clear()
        return list(_texts(answer))


def _texts(data: bytes) -> Iterator[str]:
    while data:
        assert data[0] == 0x81, data
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        yield data[start : start + size].decode()
        data = data[start + size :]


def blocks(page: Path, begin: str) -> list[list[str]]:
    """The fenced blocks of a page whose first line begins so."""
    found = re.findall(r"^```\w*\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in found if block.startswith(begin)]


class WebSocketPageTests(SynchronousTestCase):
    """docs/websocket-api.md, as one conversation from its top to its end."""

    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        with_accounts(folder, _people)
        self.patch(camd.app, "Users", functools.partial(Users, hashing=CHEAP))
        app = self.app = example_app(folder)
        self.patch(txaio.config, "loop", app.reactor)  # Autobahn's own timers
        app.web.assume = None
        self.get(app.users.start())
        self.addCleanup(lambda: self.get(app.users.stop()))
        self.addCleanup(app.cameras.stop)
        self.addCleanup(app.extensions.stop_services)
        self.connection = Connection(app)
        self.addCleanup(self.connection.close)
        self.offset: int | None = None

    def get(self, work: Any) -> Any:
        return self.successResultOf(ensureDeferred(work))

    def token(self) -> str:
        by = self.get(self.app.users.by_password(NAME, PASSWORD, "192.0.2.1"))
        return self.get(self.app.users.create_token(by, "page"))[0]

    def test_the_conversation(self) -> None:
        heard: list[str] = []
        for line in (line for block in blocks(DOCS / "websocket-api.md", "> ") for line in block):
            mark, text = line[:2], line[2:]
            if mark == "> ":
                self.assertEqual(heard, [], "said more than the page shows")
                heard = self.connection.say(self.in_this_run(text))
            else:
                self.assertEqual(mark, "< ", line)
                self.assertTrue(heard, f"never said: {text}")
                self.compare(json.loads(heard.pop(0)), json.loads(text), text)
        self.assertEqual(heard, [])

    def in_this_run(self, text: str) -> str:
        """Revisions, the name of the run and the token are the page's own: translate them to ours."""
        if TOKEN in text:
            return text.replace(TOKEN, self.token())
        message = json.loads(text)
        if "since" in message:
            message["since"] += self.offset
            if re.fullmatch("[0-9a-f]{16}", message["boot"]):
                message["boot"] = self.app.state.boot
            return json.dumps(message)
        return text

    def compare(self, real: Any, shown: Any, where: str, key: str = "") -> None:
        if key in VOLATILE:
            self.assertIs(type(real), type(shown), where)
            if key == "rev":
                self.offset = real - shown if self.offset is None else self.offset
                self.assertEqual(real, shown + self.offset, where)
        elif isinstance(shown, dict) and isinstance(real, dict):
            shown = dict(shown)
            if shown.pop(MORE, None) is None:
                self.assertEqual(sorted(real), sorted(shown), where)
            for name, value in shown.items():
                self.assertIn(name, real, where)
                self.compare(real[name], value, where, name)
        else:
            self.assertEqual(real, shown, where)

    def test_it_has_every_kind_of_message(self) -> None:
        said = [
            json.loads(line[2:])
            for block in blocks(DOCS / "websocket-api.md", "> ")
            for line in block
            if line.startswith("> ")
        ]
        kinds = {key for message in said for key in message if "/" not in key}
        asked = {"get", "info", "since", "subscribe", "schema", "call"}
        self.assertEqual(kinds - {"id", "args", "boot"}, asked | {"username", "password", "token"})

    def test_who_says_too_much(self) -> None:
        ((line,),) = blocks(DOCS / "websocket-api.md", '< {"error": "Rate limit')
        for _ in range(MESSAGES):
            self.connection.say("{}")
        self.assertEqual([json.loads(text) for text in self.connection.say("{}")], [json.loads(line[2:])])

    def test_who_does_not_sign_in(self) -> None:
        self.app.reactor.advance(SIGN_IN_TIME)
        self.assertEqual(self.connection.transport.value()[2:4], SIGNED_OUT.to_bytes(2, "big"))
        page = (DOCS / "websocket-api.md").read_text()
        self.assertIn(f"| {SIGNED_OUT} | nobody signed in within {SIGN_IN_TIME:.0f} s", page)

    def test_every_error_text(self) -> None:
        source = (ROOT / "camd" / "web" / "api.py").read_text()
        texts = set(re.findall(r'"error": "([^"]+)"', source)) | {
            "Gone", "Failed", "Unauthorized", "Rate limit exceeded",
        }  # fmt: skip
        page = (DOCS / "websocket-api.md").read_text()
        for text in texts:
            self.assertIn(f"| `{text}` |", page)


class CompleteTests(SynchronousTestCase):
    """What camd has is on the page where people look for it."""

    def setUp(self) -> None:
        self.app = example_app(Path(self.mktemp()))
        self.addCleanup(self.app.cameras.stop)
        self.addCleanup(self.app.extensions.stop_services)

    def test_every_address(self) -> None:
        page = (DOCS / "http.md").read_text()
        web = self.app.web
        found = {route.path for route in web.routes if not route.path.startswith("/api/")} - {"/cam"}
        found |= {f"/?action={action.decode()}" for action in web.actions}
        found |= {f"/cam/<id>/{name}" for name in ("snapshot.jpg", "stream.mjpg", "stream.mp4", "hls/index.m3u8")}
        self.assertGreater(len(found), 12)
        missing = [address for address in sorted(found) if f"`{address}`" not in page]
        self.assertEqual(missing, [])

    def test_every_error_code(self) -> None:
        source = "".join(
            (ROOT / "camd" / "web" / f"{name}.py").read_text()
            for name in ("errors", "guard", "pictures", "web")
        )
        page = (DOCS / "http.md").read_text()
        codes = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', source))
        self.assertGreater(len(codes), 12)
        self.assertEqual([code for code in sorted(codes) if f"`{code}`" not in page], [])

    def test_every_name(self) -> None:
        pages = {
            "cameras": "cameras.md renditions.md ptz.md motion.md",
            "files": "files.md",
            "plugins": "plugins.md",
            "storage": "recording.md",
            "system": "monitoring.md renditions.md v4l2.md",
            "webrtc": "webrtc.md",
        }
        places = {
            "system/main_camera": "cameras.md",
            "system/name": "cameras.md",
            "system/version": "cameras.md",
            "system/schema": "websocket-api.md",
        }
        missing = []
        for name in (observable.name for observable in self.app.state):
            first = name.partition("/")[0]
            page = places[name] if name in places else pages[first]
            shown = re.sub(r"^cameras/\w+/", "cameras/<id>/", re.sub(r"^plugins/\w+", "plugins/<name>", name))
            texts = [(DOCS / one).read_text() for one in page.split()]
            if not any(f"`{shown}`" in text for text in texts) and "exposure_time_absolute" not in name:
                missing.append(f"{shown} in {page}")
        self.assertEqual(missing, [])

    def test_every_camera_state(self) -> None:
        page = (DOCS / "cameras.md").read_text()
        for state in self.app.state["cameras/cam1/state"].spec.choices:
            self.assertIn(f"| `{state}` |", page)

    def test_every_dependency(self) -> None:
        listed = (ROOT / "setup.cfg").read_text().partition("install_requires =\n")[2].partition("\n\n")[0]
        page = (DOCS / "dependencies.md").read_text().lower()
        for package in re.findall(r"^ {4}([\w-]+)", listed, re.MULTILINE):
            self.assertRegex(page, rf"(?m)^\| [^|]*\b{re.escape(package.lower())}\b")


class LinkTests(SynchronousTestCase):
    LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

    def links(self, page: Path) -> Iterator[tuple[str, Path, str]]:
        """Links of a page that stay in the repository: as written, the file, the heading."""
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for link in self.LINK.findall(text):
            if not re.match(r"\w+:", link):
                path, _, heading = unquote(link).partition("#")
                yield link, (page.parent / path).resolve() if path else page, heading

    def test_links_lead_somewhere(self) -> None:
        wrong = []
        for page in PAGES:
            for link, target, heading in self.links(page):
                if not target.exists() or (heading and heading not in headings(target)):
                    wrong.append(f"{page.relative_to(ROOT)}: {link}")
        self.assertEqual(wrong, [])

    def test_every_page_is_reached_from_the_index(self) -> None:
        seen: set[Path] = set()
        waiting = [DOCS / "index.md"]
        while waiting:
            page = waiting.pop()
            if page not in seen and page.suffix == ".md":
                seen.add(page)
                waiting += [target for _, target, _ in self.links(page) if target.exists()]
        self.assertEqual([str(page) for page in sorted(DOCS.rglob("*.md")) if page not in seen], [])

    def test_the_readme_leads_to_the_index(self) -> None:
        self.assertIn(DOCS / "index.md", [target for _, target, _ in self.links(ROOT / "README.md")])


def headings(page: Path) -> set[str]:
    """The anchors that a page's headings get on the usual hosts."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in found}


class ExampleTests(SynchronousTestCase):
    def test_configurations_can_be_used(self) -> None:
        count = 0
        for page in PAGES:
            for text in re.findall(r"^```toml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
                if "[build-system]" not in text:
                    file = Path(self.mktemp())
                    file.write_text(text)
                    load(file, environ={"HOME": "/"}, options={})
                    count += 1
        self.assertGreater(count, 3)

    def test_programs_compile(self) -> None:
        for page in PAGES:
            for text in re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
                compile(text.replace("\n...\n", "\n"), str(page), "exec")
