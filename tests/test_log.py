from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from twisted.application.service import Application, MultiService
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from camd import log


class LogCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stream = io.StringIO()
        self.now = 1000.0
        self.levels = log.Levels()

    def logger(self, format: str = "text", namespace: str = "camd.test", **options: Any) -> Logger:
        options.setdefault("environ", {})
        observer = log.observer(
            format, self.stream, levels=self.levels, seconds=lambda: self.now, **options
        )
        return Logger(namespace, observer=observer)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


class Text(LogCase):
    def test_line(self) -> None:
        self.logger().info("camera {camera} is {state}", camera="cam1", state="stalled")
        self.assertRegex(self.lines[0], r"^\d\d:\d\d:\d\d info camd\.test camera cam1 is stalled$")

    def test_foreign_text_cannot_make_lines(self) -> None:
        name = "x\r\n<0>12:00:00 critical camd all is lost\x1b[2J\x00\x85\u2028\u202e\x7f"
        self.logger().warn("no camera named {name}", name=name)
        self.assertEqual(len(self.stream.getvalue().split("\n")), 2)
        self.assertTrue(self.lines[0].endswith(
            r"named x\r\n<0>12:00:00 critical camd all is lost\x1b[2J\x00\x85\u2028\u202e\x7f"
        ))

    def test_other_languages_are_readable(self) -> None:
        self.logger().info("{name}", name="Fräsmaschine 加工")
        self.assertIn("Fräsmaschine 加工", self.lines[0])

    def test_stream_without_unicode(self) -> None:
        raw = io.BytesIO()
        self.stream = io.TextIOWrapper(raw, encoding="ascii")
        self.logger().info("{name}", name="Fräse")
        self.assertTrue(raw.getvalue().endswith(b"Fr\\xe4se\n"))

    def test_broken_stream(self) -> None:
        self.stream.close()
        self.logger().info("nobody reads this")

    def test_long_text_is_cut(self) -> None:
        self.logger().info("{text}", text="x" * 100_000)
        self.assertLess(len(self.lines[0]), 2100)
        self.assertTrue(self.lines[0].endswith("... (98000 more)"))

    def test_traceback(self) -> None:
        try:
            raise ValueError("bad\nvalue")
        except ValueError:
            self.logger().failure("while {doing}", doing="testing")
        self.assertIn("critical camd.test while testing", self.lines[0])
        self.assertTrue(all(line.startswith("    ") for line in self.lines[1:]))
        self.assertTrue(any("ValueError: bad" in line for line in self.lines[1:]))

    def test_failure_without_words(self) -> None:
        self.logger().failure("", Failure(ValueError("bad")))
        self.assertIn("ValueError: bad", self.lines[0])

    def test_format_that_does_not_fit(self) -> None:
        self.logger().info("{missing} here", present=1)
        self.assertEqual(len(self.lines), 1)
        self.assertIn("missing", self.lines[0])

    def test_journal(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        status = os.fstat(writer)
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        self.stream = os.fdopen(writer, "w")
        self.addCleanup(self.stream.close)
        logger = self.logger(environ=environ)
        self.levels.set("", "debug")
        for level in ("debug", "info", "warn", "error", "critical"):
            logger.emit(LogLevel.levelWithName(level), "a message")
        lines = os.read(reader, 4096).decode().splitlines()
        self.assertEqual(lines, [f"<{n}>camd.test a message" for n in (7, 6, 4, 3, 2)])
        logger.failure("", Failure(ValueError("bad")))
        lines = os.read(reader, 4096).decode().splitlines()
        self.assertTrue(all(line.startswith("<2>") for line in lines))

    def test_journal_of_somebody_else(self) -> None:
        self.logger(environ={"JOURNAL_STREAM": "1:2"}).info("a message")
        self.assertNotIn("<6>", self.lines[0])

    def test_unknown_format(self) -> None:
        self.assertRaises(ValueError, log.observer, "xml", self.stream)


class Json(LogCase):
    def record(self) -> dict[str, Any]:
        self.assertEqual(len(self.lines), 1)
        return json.loads(self.lines[0])

    def test_keys(self) -> None:
        self.logger("json").info(
            "{camera} {secret}", camera="cam1", user="ann", request_id="a-1", code=200, secret=5, other=7,
        )
        record = self.record()
        self.assertRegex(record.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(record, {
            "level": "info", "logger": "camd.test", "msg": "cam1 5",
            "camera": "cam1", "user": "ann", "request_id": "a-1", "code": 200,
        })  # fmt: skip

    def test_absent_keys_are_absent(self) -> None:
        self.logger("json").info("text", camera=None, user="")
        self.assertEqual(set(self.record()), {"time", "level", "logger", "msg"})

    def test_utc(self) -> None:
        event = {"log_time": 0.0015, "log_level": LogLevel.info, "log_namespace": "x", "log_format": "y"}
        self.assertEqual(json.loads(log.as_json(log.Line(event)))["time"], "1970-01-01T00:00:00.001Z")

    def test_foreign_text(self) -> None:
        self.logger("json").info("{x}", x='"}\n{"level": "critical"\u2028\ud800')
        self.assertEqual(self.record()["msg"], '"}\n{"level": "critical"\u2028\ud800')
        self.assertTrue(self.stream.getvalue().isascii())

    def test_traceback(self) -> None:
        self.logger("json").failure("failed", Failure(ValueError("rtsp://a:b@host")))
        record = self.record()
        self.assertIn("ValueError", record["traceback"])
        self.assertNotIn("a:b@", record["traceback"])

    def test_fields_are_redacted_too(self) -> None:
        self.logger("json").info("x", user="http://ann:secret@host/", code="E1")
        self.assertEqual((self.record()["user"], self.record()["code"]), ("http://***@host/", "E1"))


class Redacted(SynchronousTestCase):
    def test_cut(self) -> None:
        for text, left in (
            ("rtsp://admin:hunter2@10.0.0.5:554/s", "rtsp://***@10.0.0.5:554/s"),
            ("rtsp://admin:p@ss@w@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
            ("rtsp://admin:hun/ter2@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
            ("http://hunter2@host/", "http://***@host/"),
            ("open rtsp://a:hunter2@h/x, then rtsp://b:hunter2@i/y", "open rtsp://***@h/x, then rtsp://***@i/y"),
            ("GET /snapshot?token=hunter2&quality=5", "GET /snapshot?token=***&quality=5"),
            ("/a?x=1&access_token=hunter2", "/a?x=1&access_token=***"),
            ("?PASSWORD=hunter2;b", "?PASSWORD=***;b"),
            ("user=ann password=hunter2 done", "user=ann password=*** done"),
            ('{"username": "ann", "password": "hunter2 \\" x", "n": 1}',
             '{"username": "ann", "password": ***, "n": 1}'),
            ("{'token': 'hunter2'}", "{'token': ***}"),
            ("{b'token': [b'hunter2']}", "{b'token': ***}"),
            ("args={b'token': [b'hunter2', b'hunter2']}", "args={b'token': ***}"),
            (r'{"text": "{\"password\": \"hunter2 x\", \"n\": 1}"}',
             r'{"text": "{\"password\": ***, \"n\": 1}"}'),
            ("password='hunter2", "password=***"),
            ("Digest username=hunter2", "Digest ***"),
            ("api_key=hunter2", "api_key=***"),
            ("X-Api-Key: hunter2", "X-Api-Key: ***"),
            ("client_secret: hunter2", "client_secret: ***"),
            ("new_password=hunter2", "new_password=***"),
            ("passwd=hunter2", "passwd=***"),
            ("/snap.cgi?usr=ann&pwd=hunter2&n=1", "/snap.cgi?usr=ann&pwd=***&n=1"),
            ("/snap.cgi?user=ann&pass=hunter2&n=1", "/snap.cgi?user=ann&pass=***&n=1"),
            ("{'db_pass': 'hunter2'}", "{'db_pass': ***}"),
            ('{"passphrase": "hunter2 x"}', '{"passphrase": ***}'),
            ("session=hunter2", "session=***"),
            ("Authorization: Basic aHVudGVyMg==", "Authorization: ***"),
            ("authorization: Bearer hunter2", "authorization: ***"),
            ("sent Bearer hunter2.abc-def", "sent Bearer ***"),
            ("Cookie: a=hunter2; b=hunter2", "Cookie: ***"),
            ("Set-Cookie: sid=hunter2; Path=/", "Set-Cookie: ***"),
            ("{'Authorization': 'Basic aHVudGVyMg=='}", "{'Authorization': ***}"),
        ):  # fmt: skip
            self.assertEqual(log.redact(text), left)
            self.assertNotIn("hunter2", log.redact(text))

    def test_left_alone(self) -> None:
        for text in (
            "http://10.0.0.5:8080/cam/cam1/snapshot.jpg?quality=5&t=3",
            "write to ann@example.org about http://host/ please",
            "the password is too short",
            "no token",
            "token bucket empty",
            "port 8080: in use",
            "basic auth is on",
            "a basic question, a bearer of news, a digest of it",
            "/home/ann/.config/camd/config.toml:3: http: unknown key (did you mean https?)",
            "keyboard=yes monkey=2",
            "compass=30 bypass: yes pass-through=on",
            "author: Ann",
        ):
            self.assertEqual(log.redact(text), text)

    def test_hostile_text_takes_no_time(self) -> None:
        for text in ("://" * 700, "a:" * 1000, "password=" * 220, "token='" + "\\" * 2000, "basic " * 330,
                     "://a:" * 400, "x" * 2000, "-" * 2000, "cookie" * 300, "pass" * 500, "_pass" * 400, "://" + "@" * 2000):
            log.redact(text)

    def test_in_both_formats(self) -> None:
        stream = io.StringIO()
        for format in ("text", "json"):
            Logger("x", observer=log.observer(format, stream)).info("open {url}", url="rtsp://ann:hunter2@h/")
        self.assertNotIn("hunter2", stream.getvalue())
        self.assertEqual(stream.getvalue().count("rtsp://***@h/"), 2)


class Repeated(LogCase):
    def test_ten_a_minute(self) -> None:
        logger = self.logger()
        for _ in range(1000):
            logger.warn("the disk is full")
            self.now += 0.01
        self.assertEqual(len(self.lines), 10)

    def test_the_rest_is_counted(self) -> None:
        logger = self.logger()
        for _ in range(25):
            logger.warn("the disk is full")
        self.now += 60
        logger.info("something else")
        self.assertEqual(len(self.lines), 12)
        self.assertIn("warn camd.test 15 more times: the disk is full", self.lines[10])
        self.assertIn("something else", self.lines[11])

    def test_next_minute_counts_anew(self) -> None:
        logger = self.logger()
        for _ in range(3):
            for _ in range(30):
                logger.warn("the disk is full")
            self.now += 61
        self.assertEqual(len([line for line in self.lines if "more times" not in line]), 30)
        self.assertEqual(len([line for line in self.lines if "20 more times" in line]), 2)

    def test_seldom_is_not_told(self) -> None:
        logger = self.logger()
        for _ in range(5):
            logger.warn("once a minute")
            self.now += 61
        self.assertEqual(len(self.lines), 5)

    def test_different_lines_pass(self) -> None:
        logger = self.logger()
        for number in range(200):
            logger.info("line {number}", number=number)
        self.assertEqual(len(self.lines), 200)

    def test_memory_is_bounded(self) -> None:
        repeats = log.Repeats(size=100)
        for number in range(1000):
            event = {"log_level": LogLevel.info, "log_format": "{n}", "n": number, "log_namespace": "x"}
            repeats.overdue(1.0)
            repeats.admit(log.Line(event), 1.0)
        self.assertLessEqual(len(repeats._seen), 101)


class Levelled(LogCase):
    def test_default_is_info(self) -> None:
        logger = self.logger()
        logger.debug("small")
        logger.info("large")
        self.assertEqual(len(self.lines), 1)

    def test_namespaces(self) -> None:
        self.levels.set("camd.web", "warn")
        self.levels.set("camd.web.access", "debug")
        for namespace, wanted in (
            ("camd", "info"), ("camd.web", "warn"), ("camd.web.site", "warn"), ("camd.website", "info"),
            ("camd.web.access", "debug"), ("", "info"), ("other", "info"),
        ):  # fmt: skip
            self.assertEqual(self.levels.level(namespace).name, wanted, namespace)

    def test_change_while_running(self) -> None:
        logger = self.logger()
        logger.debug("not yet")
        self.levels.set("camd", "debug")
        logger.debug("now")
        self.levels.set("", LogLevel.error)
        self.assertTrue(self.levels.enabled("camd.test", LogLevel.debug))
        self.assertFalse(self.levels.enabled("x", LogLevel.warn))
        self.assertEqual(len(self.lines), 1)

    def test_no_level(self) -> None:
        self.assertRaises(ValueError, self.levels.set, "camd", "loud")


class Bridged(LogCase):
    def test_records(self) -> None:
        handler = log.Bridge(log.observer("json", self.stream, levels=self.levels))
        library = logging.Logger("zeep.transports")
        library.addHandler(handler)
        library.info("got %d bytes", 5)
        library.warning("careful")
        library.log(5, "noise")
        library.error("does not fit: %d", "x")
        try:
            raise KeyError("lost")
        except KeyError:
            library.exception("failed")
        records = [json.loads(line) for line in self.lines]
        self.assertEqual([r["level"] for r in records], ["info", "warn", "error", "error"])
        self.assertEqual((records[0]["logger"], records[0]["msg"]), ("zeep.transports", "got 5 bytes"))
        self.assertIn("does not fit", records[2]["msg"])
        self.assertIn("KeyError", records[3]["traceback"])

    def test_install(self) -> None:
        root = logging.getLogger()
        before, level = root.handlers[:], root.level
        handler = log.bridge()
        self.addCleanup(root.setLevel, level)
        self.addCleanup(setattr, root, "handlers", before)
        self.assertEqual(root.handlers, [handler])


PLUGIN = """
from twisted.application.service import ServiceMaker
logdemo = ServiceMaker("logdemo", "logdemo", "shows the log", "logdemo")
"""
SERVICE = """
import logging
import sys
import warnings
from twisted.application.service import MultiService
from twisted.internet import reactor
from twisted.logger import Logger
from twisted.python import log as legacy
from twisted.python.usage import Options as UsageOptions
from camd import log

class Options(UsageOptions):
    optParameters = [["log-format", None, "text"]]

class Root(MultiService):
    def __init__(self, observer):
        super().__init__()
        self.observer = observer

    def setServiceParent(self, parent):
        log.hand_over(parent, self.observer)
        super().setServiceParent(parent)

    def startService(self):
        super().startService()
        Logger("camd.demo").info("open {url}", url="rtsp://ann:hunter2@host/")
        Logger("camd.demo").debug("not this")
        logging.getLogger("library").warning("from a library")
        legacy.msg("from old code")
        warnings.warn("from warnings")
        print("printed")
        reactor.callLater(0, self.fail)

    def fail(self):
        reactor.callLater(0, reactor.stop)
        raise ValueError("in the reactor")

def other():
    from zope.interface import provider
    from twisted.logger import ILogObserver, formatEvent
    stream = sys.stdout

    @provider(ILogObserver)
    def observe(event):
        stream.write("OTHER " + formatEvent(event) + "\\n")

    return observe

def makeService(options):
    log.bridge()
    Logger("camd.demo").info("before twistd logs")
    return Root(log.observer(options["log-format"]))
"""


class Twistd(SynchronousTestCase):
    """A real twistd with a plugin of its own."""

    def run_twistd(self, *options: str, plugin_options: tuple[str, ...] = ()) -> str:
        folder = Path(self.mktemp())
        (folder / "twisted" / "plugins").mkdir(parents=True)
        (folder / "twisted" / "plugins" / "logdemo_plugin.py").write_text(textwrap.dedent(PLUGIN))
        (folder / "logdemo.py").write_text(textwrap.dedent(SERVICE))
        environ = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join([str(folder.absolute()), *filter(None, sys.path)]),
        }
        result = subprocess.run(
            [sys.executable, "-c", "from twisted.scripts.twistd import run; run()",
             "-n", "--pidfile=", *options, "logdemo", *plugin_options],
            cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def test_text(self) -> None:
        lines = self.run_twistd().splitlines()
        self.assertTrue(all(line[2:3] == ":" or line.startswith("    ") for line in lines), lines)
        text = "\n".join(line[9:] for line in lines)
        for expected in (
            "info camd.demo before twistd logs",
            "info camd.demo open rtsp://***@host/",
            "warn library from a library",
            "from old code",
            "from warnings",
            "info stdout printed",
            "ValueError: in the reactor",
            "Server Shut Down.",
        ):
            self.assertEqual(text.count(expected), 1, f"{expected!r} in {text}")
        self.assertNotIn("not this", text)

    def test_json(self) -> None:
        output = self.run_twistd(plugin_options=("--log-format", "json"))
        records = [json.loads(line) for line in output.splitlines()]
        self.assertIn(("camd.demo", "open rtsp://***@host/"), [(r["logger"], r["msg"]) for r in records])
        (failed,) = (r for r in records if "traceback" in r)
        self.assertEqual(failed["level"], "critical")

    def test_the_option_of_twistd_wins(self) -> None:
        output = self.run_twistd("--logger", "logdemo.other")
        self.assertIn("OTHER open rtsp://ann:hunter2@host/", output)
        self.assertNotIn("info camd.demo", output)


class HandedOver(SynchronousTestCase):
    def test_application(self) -> None:
        application = Application("demo")
        observer = log.observer("text", io.StringIO())
        log.hand_over(application, observer)
        self.assertIs(application.getComponent(ILogObserver), observer)

    def test_a_parent_service_is_left_alone(self) -> None:
        log.hand_over(MultiService(), log.observer("text", io.StringIO()))
