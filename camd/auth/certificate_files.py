"""CertificateFiles: the certificate and its key on disk, `fullchain.pem` and `privkey.pem`.

They are named in the configuration and only read, or they are in the data directory under `tls/`: there
camd puts a certificate of its own if there is none, and whatever is uploaded or installed. The daemon and
the commands both write there, so they lock the directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..config import Config
from ..errors import ConfigError, Conflict, Invalid, Problem
from . import self_signed
from .certificate import ServerCertificate, parse, parse_chain

CERTIFICATE, KEY = "fullchain.pem", "privkey.pem"
_LARGEST = 256 * 1024

#: What tells that a file is another one, or was changed.
_FileStamp = tuple[int, int, int, int, int]
Stamp = tuple[_FileStamp | None, _FileStamp | None]


class CertificateFiles:
    """The two files. Every method blocks for some milliseconds.

    certificate: PEM, the server's own first and then its chain; key: PEM, not encrypted. names: host names
    and addresses for the self-signed certificate, besides those of this host. configured: camd only reads.
    Errors are ConfigErrors that name the file.
    """

    def __init__(self, certificate: Path, key: Path, names: Iterable[str] = (), configured: bool = False):
        self.certificate = certificate
        self.key = key
        self.names = tuple(names)
        self.configured = configured

    @classmethod
    def of(cls, config: Config) -> CertificateFiles:
        """Those that a configuration means."""
        tls = config.tls
        if tls.certificate is not None and tls.key is not None:
            return cls(tls.certificate, tls.key, tls.names, configured=True)
        return cls.within(config.data_dir / "tls", tls.names)

    @classmethod
    def within(cls, directory: Path, names: Iterable[str] = ()) -> CertificateFiles:
        """Those in a directory of ours."""
        return cls(directory / CERTIFICATE, directory / KEY, names)

    @property
    def paths(self) -> tuple[Path, Path]:
        return self.certificate, self.key

    def stamp(self) -> Stamp:
        """Another one whenever the files were changed or exchanged, links followed."""
        return _stamp(self.certificate), _stamp(self.key)

    def read(self) -> ServerCertificate:
        """What is there, checked; it may have expired."""
        with self._errors(), self._locked():
            return self._read()

    def ensure(self, now: float) -> ServerCertificate:
        """As `read`, but a self-signed certificate is made or renewed before if need be. now: UTC seconds.

        Renewed are only those made here: when they end within 30 days, lack a name or an address of this
        host, or have lost their key.
        """
        if self.configured:
            return self.read()
        with self._errors():
            self.certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked():
                if self._is_due(now):
                    self._write(self_signed.make(self.names, now))
                return self._read()

    def is_ours(self) -> bool:
        """Whether the certificate there is self-signed by camd, or none."""
        with self._errors(), self._locked():
            return not self.certificate.exists() or self_signed.is_ours(self._read().leaf)

    def check_writable(self) -> None:
        """Raise Conflict if camd only reads the files."""
        if self.configured:
            raise Conflict(f"the certificate is named in the configuration (tls.certificate); replace {self.certificate}")

    def install(self, certificate: ServerCertificate) -> None:
        """Put a certificate in the place of what is there; both files or none, whatever happens."""
        self.check_writable()
        with self._errors():
            self.certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked():
                self._write(certificate)

    def self_sign(self, now: float) -> ServerCertificate:
        """Put a new self-signed certificate in the place of what is there. now: UTC seconds."""
        made = self_signed.make(self.names, now)
        self.install(made)
        return made

    def _is_due(self, now: float) -> bool:
        """Whether there is nothing, or one of ours that should be another."""
        if not self.certificate.exists():
            if not self.key.exists():
                return True
            raise _wrong(self.key, "there is no certificate beside this key",
                         f"put {self.certificate.name} beside it, or remove it and camd makes both")
        try:
            leaf = parse_chain(read_regular(self.certificate))[0]
        except Invalid as error:
            raise _wrong(self.certificate, error.reason) from None
        if not self_signed.is_ours(leaf):
            return False
        # A key that is not the one of our certificate may be the first half of somebody's pair: it stays.
        return not _is_key(self.key) or self_signed.is_stale(leaf, self.names, now)

    def _read(self) -> ServerCertificate:
        certificate = read_regular(self.certificate)
        try:
            return parse(certificate, self._read_key())
        except Invalid as error:
            finished = self._finish(certificate) if error.key == "key" else None
            if finished is not None:
                return finished
            raise _wrong(self.key if error.key == "key" else self.certificate, error.reason) from None

    def _read_key(self) -> bytes:
        try:
            return read_regular(self.key)
        except FileNotFoundError:
            raise _wrong(self.certificate, "there is no key to this certificate", f"put {self.key.name} beside it") from None

    def _write(self, certificate: ServerCertificate) -> None:
        """First both beside their places, then into them: a power cut in between leaves the new certificate
        in its place and its key beside, which `_finish` finds."""
        directory = self.certificate.parent
        new_key, new_certificate = _new(self.key), _new(self.certificate)
        _write_file(new_key, certificate.key_pem, 0o600)
        _write_file(new_certificate, certificate.certificate_pem, 0o644)
        _sync(directory)
        os.replace(new_certificate, self.certificate)
        _sync(directory)
        os.replace(new_key, self.key)
        _sync(directory)

    def _finish(self, certificate: bytes) -> ServerCertificate | None:
        """Bring a `_write` to its end that was cut short."""
        new_key = _new(self.key)
        if self.configured or not new_key.exists():
            return None
        try:
            found = parse(certificate, read_regular(new_key))
        except Invalid:
            return None
        os.replace(new_key, self.key)
        return found

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self.configured:
            yield
            return
        with contextlib.ExitStack() as stack:
            # Where locks are not to be had (some network file systems) it goes without.
            with contextlib.suppress(OSError):
                directory = os.open(self.certificate.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                stack.callback(os.close, directory)
                fcntl.flock(directory, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = Path(error.filename) if isinstance(error.filename, str | Path) else self.certificate.parent
            hint = "camd must be able to read it" if self.configured else "camd must be able to read and write here"
            raise _wrong(where, error.strerror or str(error), hint) from None


def _wrong(path: Path, text: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(str(path), "", text, hint)])


def _new(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _stamp(path: Path) -> _FileStamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_key(path: Path) -> bool:
    """Whether there is something that could be a key; one that is damaged is worth nothing to anybody."""
    try:
        return b"PRIVATE KEY-----" in read_regular(path)
    except FileNotFoundError:
        return False


def read_regular(path: Path) -> bytes:
    """The content of a regular file of sensible size; a pipe would never end. Raises OSError, ConfigError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _wrong(path, "this is not a file")
        data = os.read(descriptor, _LARGEST + 1)  # whole, as regular files are read
    finally:
        os.close(descriptor)
    if len(data) > _LARGEST:
        raise _wrong(path, f"has more than {_LARGEST // 1024} KiB")
    return data


def _write_file(path: Path, data: bytes, mode: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
