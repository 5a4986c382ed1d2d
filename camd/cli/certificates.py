"""`camd cert`: the certificate of the HTTPS site.

They work whether the daemon runs or not; a running one takes another certificate within a second.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.data_dir import prepare_data_dir
from ..errors import CamdError, ConfigError, Conflict, Invalid
from . import audit
from .configuration import load_config
from .output import FAILED, OK, say, write, write_json
from .verbs import JSON, PLACE, Verbs

if TYPE_CHECKING:
    from ..auth.certificate_files import CertificateFiles
    from ..config import Config


def add_verbs(verbs: Verbs) -> None:
    cert = verbs.group("cert", "Look at the certificate of the HTTPS site and exchange it.")
    cert.add("info", _info, "Show what there is to know about the certificate.", PLACE, JSON)
    own = cert.add("self-sign", _self_sign, "Use a new self-signed certificate.", PLACE)
    own.add_argument("--force", action="store_true", help="also if that replaces one that camd did not make")
    install = cert.add("install", _install, "Use this certificate.", PLACE)
    install.add_argument("certificate", metavar="CERTIFICATE", type=Path, help="PEM file with the whole chain")
    install.add_argument("key", metavar="KEY", type=Path, help="PEM file with its key, not encrypted")


def _info(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..auth.self_signed import is_ours

    files = _files(load_config(args, environ))
    if not any(path.exists() for path in files.paths):
        say(f"There is no certificate in {files.certificate.parent}; the daemon makes one when it starts with HTTPS.")
        return FAILED
    now = time.time()
    try:
        found = files.read()
    except ConfigError as error:
        say(str(error))
        return FAILED
    about: dict[str, Any] = {
        **found.describe(now),
        "renewsItself": not files.configured and is_ours(found.leaf),
        "isConfigured": files.configured,
        "certificateFile": str(files.certificate),
        "keyFile": str(files.key),
    }
    if args.json:
        write_json(about)
    else:
        write("\n".join(f"{label:<12} {value}" for label, value in _lines(about)))
    try:
        found.check_validity(now)
    except Invalid as error:
        say(f"camd: {error.reason}")
        return FAILED
    return OK


def _lines(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    issuer = "itself" if about["isSelfSigned"] else about["issuer"]
    return [
        ("subject", about["subject"]),
        ("names", ", ".join(filter(str.isprintable, about["names"]))),
        ("issuer", issuer + (", renewed by camd" if about["renewsItself"] else "")),
        ("valid", f"{about['validFrom']} to {about['validTo']}, {about['daysRemaining']} days left"),
        ("SHA-256", about["fingerprint"]),
        ("certificate", about["certificateFile"]),
        ("key", about["keyFile"]),
    ]


def _self_sign(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    config = load_config(args, environ)
    files = _files(config, writing=True)
    if not args.force and not _is_ours(files):
        raise Conflict(f"{files.certificate} was not made by camd; --force replaces it all the same")
    return _done(config, "certificate_self_sign", files.self_sign(time.time()))


def _is_ours(files: CertificateFiles) -> bool:
    try:
        return files.is_ours()
    except ConfigError:  # whatever it is, it may be somebody's
        return False


def _install(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..auth.certificate import parse
    from ..auth.tls import make_context

    config = load_config(args, environ)
    files = _files(config, writing=True)
    try:
        found = parse(_read(args.certificate), _read(args.key))
        found.check_validity(time.time())
        make_context(found)
    except Invalid as error:
        raise CamdError(f"{args.key if error.key == 'key' else args.certificate}: {error.reason}") from None
    files.install(found)
    return _done(config, "certificate_install", found)


def _files(config: Config, writing: bool = False) -> CertificateFiles:
    from ..auth.certificate_files import CertificateFiles

    files = CertificateFiles.of(config)
    if writing:
        files.check_writable()
        prepare_data_dir(config)
    return files


def _read(path: Path) -> bytes:
    from ..auth.certificate_files import read_regular

    try:
        return read_regular(path)
    except OSError as error:
        raise CamdError(f"{path}: {error.strerror}") from None


def _done(config: Config, event: str, certificate: Any) -> int:
    about = certificate.describe(time.time())
    audit.record(config.data_dir, event, subject=about["subject"], sha256=about["fingerprint"])
    say(f"certificate until {about['validTo']}, SHA-256 {about['fingerprint']}; a running daemon takes it within a second")
    return OK
