"""SiteCertificate: the certificate of the HTTPS site as it lives: renewed, watched, exchanged, told of."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..config import Config
from ..errors import ConfigError, Conflict, Invalid, Refused
from ..state import Permission, Principal, Spec, State
from . import self_signed
from .audit import Audit
from .certificate import DAY, ServerCertificate, parse
from .certificate_files import CertificateFiles
from .file_watch import FileWatch
from .tls import TlsContext, make_context

if TYPE_CHECKING:
    from ..threads import Threads

STATE, EXPIRY = "system/certificate", "system/certificate_expiry"
#: /health warns so long before the end.
WARNING = 14 * DAY
#: How often it is looked whether the day is over, and whether what was wrong is right now (seconds).
_TICK = 60.0
_WRITE = Permission.System_rw


class SiteCertificate:
    """Reactor thread only; files and keys are worked on in the io pool.

    context: for `tls_endpoint`, None without HTTPS. reason: why a certificate that should be in use is not,
    "" if all is well. on_change(expiry): another one is in use, which ends then (UTC seconds).
    """

    log = Logger()

    def __init__(self, config: Config, state: State, threads: Threads, reactor: Any, audit: Audit,
                 on_change: Callable[[float], None], wall: Callable[[], float] = time.time):
        self.context: TlsContext | None = None
        self.reason = ""
        self._files = CertificateFiles.of(config)
        self._state = state
        self._threads = threads
        self._audit = audit
        self._on_change = on_change
        self._wall = wall
        self._checked = 0.0
        self._one = DeferredLock()
        self._watch = FileWatch(reactor, threads.io, self._changed)
        self._tick = LoopingCall(self._look)
        self._tick.clock = reactor

    async def start(self) -> None:
        """Have a certificate, in any case: without a good one in the files it is one that nobody knows yet,
        for a page that cannot be reached could not tell what is wrong."""
        self._state.declare(Spec(STATE, dict, doc="The certificate of the HTTPS site, and why another one is not in use."))
        self._state.declare(Spec(EXPIRY, float, unit="s", doc="When it ends, UTC seconds since 1970."))
        await self._run(self._refresh)
        if self.context is None:
            await self._use(await self._threads.io(self_signed.make, self._files.names, self._wall()))
            self._publish()
        self._watch.start(self._files.paths, self._files.stamp)
        self._tick.start(_TICK, now=False)

    def stop(self) -> None:
        self._watch.stop()
        if self._tick.running:
            self._tick.stop()

    async def reload(self, config: Config) -> None:
        """Take what the configuration says now, and look whether a renewal is due."""
        if self.context is None:
            return
        before, self._files = self._files, CertificateFiles.of(config)
        if self._files.paths != before.paths:
            self._watch.start(self._files.paths, self._files.stamp)
        await self._run(self._refresh)

    async def install(self, by: Principal, certificate: str, key: str, address: str = "") -> dict[str, Any]:
        """Use another certificate, PEM, from now on; returns what `describe` does.

        Raises Refused, Conflict if this is not to be done here, Invalid (key "certificate" or "key").
        """
        self._check_change(by)
        await self._run(self._install, certificate.encode("utf-8", "replace"), key.encode("utf-8", "replace"))
        self._record(by, address, "certificate_install")
        return self.describe()

    async def self_sign(self, by: Principal, address: str = "") -> dict[str, Any]:
        """Use a new self-signed certificate from now on; as `install`."""
        self._check_change(by)
        await self._run(self._self_sign)
        self._record(by, address, "certificate_self_sign")
        return self.describe()

    def describe(self) -> dict[str, Any]:
        """The certificate in use, as in the state. Only with HTTPS."""
        assert self.context is not None
        certificate = self.context.certificate
        return {
            **certificate.describe(self._wall()),
            "renewsItself": not self._files.configured and self_signed.is_ours(certificate.leaf),
            "isConfigured": self._files.configured,
            "state": "alert" if self.reason else "ok",
            "reason": self.reason,
        }

    @property
    def names(self) -> list[str]:
        """The host names in the certificate in use; wildcards are none."""
        names = self.context.certificate.names if self.context is not None else []
        return [name for name in names if "*" not in name]

    @property
    def warning(self) -> str:
        """What its owner should know, "" if nothing: why it is not the right one, or that it soon ends."""
        if self.reason or self.context is None:
            return self.reason
        left = self.context.certificate.expiry - self._wall()
        if left >= WARNING:
            return ""
        return f"ends in {left / DAY:.0f} days" if left > 0 else "has expired"

    # -- one change at a time

    def _run(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> Deferred[None]:
        return self._one.run(lambda: Deferred.fromCoroutine(function(*args)))

    async def _refresh(self) -> None:
        """Use what is in the files, after a self-signed certificate was made or renewed there if need be."""
        now = self._checked = self._wall()
        files = self._files
        try:
            found = await self._threads.io(files.ensure, now)
            await self._take(found, now)
        except ConfigError as error:
            self._complain("; ".join(map(str, error.problems)))
        except Invalid as error:
            self._complain(f"{files.certificate}: {error.reason}")
        else:
            self._complain("")

    async def _take(self, found: ServerCertificate, now: float) -> None:
        current = None if self.context is None else self.context.certificate
        try:
            found.check_validity(now)
        except Invalid:
            if current is None:  # better than none, and its owner is told
                await self._use(found)
            raise
        if current is None or found.chain != current.chain:
            await self._use(found)

    async def _install(self, certificate: bytes, key: bytes) -> None:
        found = await self._threads.io(_checked, certificate, key, self._wall())
        await self._threads.io(self._files.install, found)
        await self._use(found)
        self._complain("")

    async def _self_sign(self) -> None:
        await self._use(await self._threads.io(self._files.self_sign, self._wall()))
        self._complain("")

    async def _use(self, certificate: ServerCertificate) -> None:
        tell = self.log.info
        if self.context is None:
            tell = self.log.debug  # at the start it is no news
            self.context = await self._threads.io(TlsContext, certificate)
        else:
            await self._threads.io(self.context.use, certificate)
        tell("certificate in use: {names}, until {end}, SHA-256 {fingerprint}",
             names=", ".join(certificate.names[:5]) or "without names", fingerprint=certificate.fingerprint,
             end=certificate.leaf.not_valid_after_utc.date())
        self._on_change(certificate.expiry)

    # -- telling

    def _complain(self, reason: str) -> None:
        """This is why another certificate is in use than should be; "" if that is not so."""
        if reason and reason != self.reason:
            self.log.error("the certificate is not as it should be: {reason}", reason=reason)
        elif self.reason and not reason:
            self.log.info("the certificate is as it should be again")
        self.reason = reason
        self._publish()

    def _publish(self) -> None:
        if self.context is not None:
            self._state[STATE].publish(self.describe())
            self._state[EXPIRY].publish(self.context.certificate.expiry)

    def _look(self) -> None:
        """Each minute, because the clock of a small board may jump by years; the files once a day."""
        self._publish()
        if self.reason or abs(self._wall() - self._checked) >= DAY:
            self._changed()
            if self.warning and not self.reason:
                self.log.warn("the certificate {text}", text=self.warning)

    def _changed(self) -> None:
        """The files are others, or something is due."""
        self._run(self._refresh).addErrback(lambda failure: self.log.failure("the certificate", failure))

    def _check_change(self, by: Principal) -> None:
        if not by.may(_WRITE):
            raise Refused(STATE, _WRITE)
        if self.context is None:
            raise Conflict("HTTPS is off; give it an endpoint in the configuration (https)")
        self._files.check_writable()

    def _record(self, by: Principal, address: str, event: str) -> None:
        certificate = self.describe()
        self._audit.record(event, by.name, address, subject=certificate["subject"], sha256=certificate["fingerprint"])


def _checked(certificate: bytes, key: bytes, now: float) -> ServerCertificate:
    found = parse(certificate, key)
    found.check_validity(now)
    make_context(found)
    return found
