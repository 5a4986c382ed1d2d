"""The daemon's log: one line per event, as text for journald and terminals or as JSON.

Everything goes through `twisted.logger`; this is the one observer that writes. A line is safe to
store and to show: what strangers sent cannot break lines or move the cursor, passwords and tokens
are cut out, and a line that repeats itself is counted instead of filling the disk.

How it gets into twistd: twistd takes its observer from the application, after `makeService` and
before the first line is written. `makeService` returns a service only, so the service hands the
observer over when it is given its parent::

    class RootService(MultiService):
        def setServiceParent(self, parent):
            log.hand_over(parent, log.observer("json"))
            super().setServiceParent(parent)

`twistd --logger` still wins. Make the observer in `makeService`: later twistd has replaced
`sys.stdout` by a file that logs, and the log would swallow its own tail. (Refused:
`globalLogPublisher.addObserver`, for twistd's own observer would write every line a second time.)
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from constantly import NamedConstant
from twisted.logger import ILogObserver, InvalidLogLevelError, LogEvent, Logger, LogLevel, formatEvent
from twisted.python.components import Componentized
from zope.interface import implementer

#: syslog(3) priorities
_PRIORITIES = {
    LogLevel.debug: 7, LogLevel.info: 6, LogLevel.warn: 4, LogLevel.error: 3, LogLevel.critical: 2,
}
#: Event fields that JSON lines carry, when an event has them.
_FIELDS = ("camera", "request_id", "user", "code")
_TEXT_LIMIT = 2000
_TRACEBACK_LIMIT = 16000


class Levels:
    """The lowest level that is logged, per namespace ("camd.web" also covers "camd.web.site").

    May be changed while running and from any thread; `enabled` is cheap enough to ask before a line
    is made.
    """

    def __init__(self, default: NamedConstant = LogLevel.info):
        self._levels: dict[str, NamedConstant] = {"": default}
        self._known: dict[str, NamedConstant] = {}

    def set(self, namespace: str, level: str | NamedConstant) -> None:
        """namespace "" is everything without a level of its own. Raises ValueError for no level."""
        if isinstance(level, str):
            try:
                level = LogLevel.levelWithName(level)
            except InvalidLogLevelError:
                raise ValueError(f"{level!r} is none of debug, info, warn, error, critical") from None
        self._levels = {**self._levels, namespace: level}
        self._known = {}

    def level(self, namespace: str) -> NamedConstant:
        known = self._known.get(namespace)
        if known is None:
            name = namespace
            while name not in self._levels:
                name = name.rpartition(".")[0]
            known = self._levels[name]
            if len(self._known) < 1000:
                self._known[namespace] = known
        return known

    def enabled(self, namespace: str, level: NamedConstant) -> bool:
        return level >= self.level(namespace)


#: The daemon's levels; `observer` uses them unless it is given others.
levels = Levels()


# -- making text safe

#: Looks ahead once and never back, for a hostile line must not cost more than its length.
_NAME = (
    r"(?:(?=[\w-]*?(?:passw(?:or)?d|passphrase|(?<![A-Za-z0-9])pass(?![\w-])|pwd|secret|token|api[_-]?key))[\w-]++"
    r"|(?:auth|sid|session(?:[_-]?id)?)(?![\w-]))"
)
#: A string in quotes, which may be escaped themselves (JSON within JSON), of text or bytes.
_QUOTED = r"b?(?P<quote>\\*['\"])(?:(?!(?P=quote))(?:\\.|.))*(?:(?P=quote)|$)"
_CUTS = (
    # user:password@ in URLs; a password may hold "@", and "/" if it does not look like a port before it
    (re.compile(r"(?<=://)[^\s/?#\"'<>]{0,300}@"), "***@"),
    (re.compile(r"(?<=://)[^\s/?#@:\"'<>]{1,100}:(?!\d{1,5}(?:[/?#]|$))[^\s\"'<>]{0,300}@"), "***@"),
    # header lines, and headers in a dict
    (re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\\*['\"]?\s*[:=]\s*)"
                r"(?:\[[^\]]*\]|" + _QUOTED + r"|[^\r\n]*)"), r"\1\2***"),
    (re.compile(r"(?i)\b(basic|bearer|digest)\s+(?!realm\b)(?=\S*[\d=.+/~]|\S{16})[\w.~+/=-]{4,}"), r"\1 ***"),
    # name=value, "name": "value", 'name': b'value', 'name': [b'value']
    (re.compile(r"(?i)(?<![\w-])(" + _NAME + r")(\\*['\"]?\s*[=:]\s*)"
                r"(?:\[[^\]]*\]|" + _QUOTED + r"|[^\s&;,'\"<>)}\]]+)"), r"\1\2***"),
)


def redact(text: str) -> str:
    """Cut passwords and tokens out of a text: in URLs, query strings, headers, JSON and reprs."""
    for pattern, replacement in _CUTS:
        text = pattern.sub(replacement, text)
    return text


def escape(text: str) -> str:
    """Write line breaks, control characters and invisible characters as backslash escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + f"... ({len(text) - limit} more)"


# -- lines

class Line:
    """One event, formatted and made safe, before it becomes text or JSON."""

    __slots__ = ("fields", "level", "logger", "text", "time", "traceback")

    def __init__(self, event: LogEvent):
        self.time: float = event.get("log_time") or time.time()
        self.level: NamedConstant = event.get("log_level") or LogLevel.info
        self.logger: str = event.get("log_namespace") or "-"
        failure = event.get("log_failure")
        text = formatEvent(event)
        self.traceback = ""
        if failure is not None:
            text = text or f"{failure.type.__name__}: {failure.getErrorMessage()}"
            try:
                self.traceback = redact(_short(failure.getTraceback(), _TRACEBACK_LIMIT)).rstrip("\n")
            except Exception as error:  # a failure that cannot be shown must not stop the log
                self.traceback = f"(no traceback: {error!r})"
        self.text = redact(_short(text.rstrip("\n"), _TEXT_LIMIT))
        self.fields: dict[str, Any] = {
            name: event[name] for name in _FIELDS if event.get(name) not in (None, "")
        }


def as_text(line: Line) -> str:
    """`18:39:01 info camd.web.site the message`, local time; a traceback follows, indented."""
    clock = time.strftime("%H:%M:%S", time.localtime(line.time))
    text = f"{clock} {line.level.name} {line.logger} {escape(line.text)}\n"
    return text + "".join(f"    {escape(row)}\n" for row in line.traceback.splitlines())


def as_journal(line: Line) -> str:
    """`<6>camd.web.site the message`, see sd-daemon(3); journald adds the time. Each row of a
    traceback has the priority too, for journald takes rows one by one."""
    prefix = f"<{_PRIORITIES[line.level]}>"
    text = f"{prefix}{line.logger} {escape(line.text)}\n"
    return text + "".join(f"{prefix}    {escape(row)}\n" for row in line.traceback.splitlines())


def as_json(line: Line) -> str:
    """One JSON object: time (UTC, ms), level, logger, msg; camera, request_id, user, code and
    traceback where there is one."""
    moment = datetime.fromtimestamp(line.time, UTC).isoformat(timespec="milliseconds")
    record: dict[str, Any] = {
        "time": moment.replace("+00:00", "Z"),
        "level": line.level.name,
        "logger": line.logger,
        "msg": line.text,
    }
    for name, value in line.fields.items():
        record[name] = value if isinstance(value, (bool, int, float)) else redact(str(value))
    if line.traceback:
        record["traceback"] = line.traceback
    return json.dumps(record) + "\n"


class Repeats:
    """Lets each line through ten times a minute, and counts the rest. Not thread-safe."""

    def __init__(self, limit: int = 10, period: float = 60.0, size: int = 500):
        self._limit = limit
        self._period = period
        self._size = size
        self._seen: OrderedDict[int, list[Any]] = OrderedDict()  # hash -> [start, count, line]

    def admit(self, line: Line, now: float) -> bool:
        """Whether the line is to be written."""
        key = hash((line.level.name, line.logger, line.text, line.traceback))
        seen = self._seen.get(key)
        if seen is None:
            self._seen[key] = [now, 1, None]
            return True
        seen[1] += 1
        if seen[1] <= self._limit:
            return True
        if seen[2] is None:
            seen[2] = line
        return False

    def overdue(self, now: float) -> list[Line]:
        """Lines that tell how often others were held back in a period that is over."""
        told = []
        while self._seen:
            key, (start, count, line) = next(iter(self._seen.items()))
            if 0 <= now - start < self._period and len(self._seen) <= self._size:
                break
            del self._seen[key]
            if line is not None:
                line.text = f"{count - self._limit} more times: {line.text}"
                line.traceback = ""
                told.append(line)
        return told


@implementer(ILogObserver)
class LineObserver:
    """Writes events to a stream, one line each. May be called from any thread."""

    def __init__(
        self,
        render: Callable[[Line], str],
        stream: TextIO,
        levels: Levels,
        seconds: Callable[[], float],
    ):
        self._render = render
        self._stream = stream
        self._levels = levels
        self._seconds = seconds
        self._repeats = Repeats()
        self._lock = threading.RLock()  # a signal handler or a destructor may log while we do

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level") or LogLevel.info
        if not self._levels.enabled(event.get("log_namespace") or "", level):
            return
        line = Line(event)
        with self._lock:
            now = self._seconds()
            lines = self._repeats.overdue(now)
            if self._repeats.admit(line, now):
                lines.append(line)
            if lines:
                self._write("".join(map(self._render, lines)))

    def _write(self, text: str) -> None:
        try:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:  # a terminal or a locale without Unicode
                self._stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))
            self._stream.flush()
        except (OSError, ValueError):  # disk full, pipe or stream closed: nowhere to complain
            pass


def observer(
    format: str = "text",
    stream: TextIO | None = None,
    *,
    levels: Levels = levels,
    seconds: Callable[[], float] = time.monotonic,
    environ: Mapping[str, str] = os.environ,
) -> ILogObserver:
    """The daemon's log observer. format: "text" or "json"; stream: standard output by default;
    seconds: the clock of "at most ten a minute". Raises ValueError for another format."""
    stream = stream or sys.stdout
    if format == "json":
        return LineObserver(as_json, stream, levels, seconds)
    if format != "text":
        raise ValueError(f"log format {format!r} is none of text, json")
    render = as_journal if _is_journal(stream, environ) else as_text
    return LineObserver(render, stream, levels, seconds)


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether journald reads this stream: JOURNAL_STREAM names it by device and inode
    (systemd.exec(5)), for a child may have inherited the variable but not the stream."""
    named = environ.get("JOURNAL_STREAM")
    if not named:
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


def hand_over(application: object, observer: ILogObserver) -> None:
    """Make twistd use the observer; see the head of this module. Anything but an application (a
    service that gets a service as parent) is left alone."""
    if isinstance(application, Componentized):
        application.setComponent(ILogObserver, observer)


# -- the standard library's logging

class Bridge(logging.Handler):
    """Passes records of `logging` on to `twisted.logger`, under the same names."""

    _LEVELS = (
        (logging.CRITICAL, LogLevel.critical),
        (logging.ERROR, LogLevel.error),
        (logging.WARNING, LogLevel.warn),
        (logging.INFO, LogLevel.info),
    )

    def __init__(self, observer: ILogObserver | None = None):
        super().__init__()
        self._observer = observer

    def emit(self, record: logging.LogRecord) -> None:
        level = next((ours for theirs, ours in self._LEVELS if record.levelno >= theirs), LogLevel.debug)
        fields: dict[str, Any] = {}
        if record.exc_info and record.exc_info[1] is not None:
            from twisted.python.failure import Failure

            kind, value, trace = record.exc_info
            fields["log_failure"] = Failure(value, kind, trace)
        try:
            text = record.getMessage()
        except Exception as error:  # their format and arguments do not fit
            text = f"{record.msg!r} {record.args!r} ({error})"
        Logger(namespace=record.name, observer=self._observer).emit(level, "{text}", text=text, **fields)


def bridge(level: int = logging.INFO) -> Bridge:
    """Send what libraries log with `logging` to the daemon's log, from `level` up. Call once."""
    handler = Bridge()
    logging.basicConfig(handlers=[handler], level=level, force=True)
    return handler
