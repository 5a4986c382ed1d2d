"""The configuration as the program sees it, and the reference of its keys.

Each key has its kind, its default, the moment from which a change counts, and its meaning.
`docs/configuration.md` and `etc/camd.toml` are checked against these classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import values as kinds
from .camera import CameraConfig
from .schema import Effect, Tree, about, tree_of

BUILT_IN = "built-in"
#: What each preset has instead of the defaults, by dotted key.
PRESETS: dict[str, dict[str, object]] = {
    "standard": {},
    "appliance": {
        "http": "tcp:80", "https": "tcp:443", "rtsp": "tcp:554", "rtsps": "tcp:322", "web.redirect_https": True,
    },
}


@dataclass(frozen=True, slots=True)
class WebSocketConfig:
    """Limits of the WebSocket API."""

    max_clients: int = field(
        default=50,
        metadata=about(
            kinds.whole(1, 100_000),
            Effect.LIVE,
            "Clients at the same time, over HTTP and HTTPS together; the next one gets 503 `Server busy`.",
        ),
    )
    max_media_clients: int = field(
        default=50,
        metadata=about(
            kinds.whole(1, 100_000),
            Effect.LIVE,
            "Clients of `/api/media` at the same time; they do not count among those of `max_clients`.",
        ),
    )
    ping_interval: float = field(
        default=20.0,
        metadata=about(
            kinds.number(0, 3600),
            Effect.LIVE,
            "Seconds between pings that find dead connections; 0 sends none. Counts for new connections.",
        ),
    )
    ping_timeout: float = field(
        default=120.0,
        metadata=about(
            kinds.number(1, 3600),
            Effect.LIVE,
            "Seconds in which a client must answer a ping before it is dropped.",
        ),
    )


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """Limits of the web sites."""

    max_body: int = field(
        default=64 * 1024,
        metadata=about(
            kinds.whole(1024, 1 << 30),
            Effect.LIVE,
            "Largest request body of the API, in bytes; a larger one is refused before it is read.",
        ),
    )
    max_upload: int = field(
        default=4 << 30,
        metadata=about(
            kinds.whole(0, 1 << 50),
            Effect.LIVE,
            "Largest file that users may put on the camera, in bytes.",
        ),
    )
    files: int = field(
        default=0,
        metadata=about(
            kinds.whole(0, 1 << 50),
            Effect.LIVE,
            "What the files of all users may take together, in bytes; 0 for as much as the disk has beyond "
            "`storage.reserve`.",
        ),
    )
    request_timeout: float = field(
        default=30.0,
        metadata=about(
            kinds.number(1, 3600),
            Effect.LIVE,
            "Seconds in which a client must send its request; a silent connection is closed after as long.",
        ),
    )
    max_connections: int = field(
        default=1000,
        metadata=about(
            kinds.whole(1, 100_000),
            Effect.LIVE,
            "Connections at the same time, HTTP and HTTPS together, a quarter of them from one address; "
            "more are closed at once.",
        ),
    )


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the web sites are called, and by whom they may be used from elsewhere."""

    host_names: tuple[str, ...] = field(
        default=(),
        metadata=about(
            kinds.words(),
            Effect.LIVE,
            "Further names by which the sites are reached; requests to unknown names are refused with 421. "
            "Addresses, `localhost`, the host's own name, the same in `.local`, `tls.names` and the names in the "
            "certificate are known anyway.",
        ),
    )
    origins: tuple[str, ...] = field(
        default=(),
        metadata=about(
            kinds.origins(),
            Effect.LIVE,
            "Pages of other sites that may use the API and the WebSockets, like `https://dash.lan`.",
        ),
    )
    trusted_proxies: tuple[str, ...] = field(
        default=(),
        metadata=about(
            kinds.networks(),
            Effect.LIVE,
            "Reverse proxies whose `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` headers are believed; "
            '`"unix"` is whoever comes through a unix socket.',
        ),
    )
    base_path: str = field(
        default="",
        metadata=about(
            kinds.base_path(),
            Effect.LIVE,
            "Path under which a proxy shows the sites, like `/cams`, if it neither sends "
            "`X-Forwarded-Prefix` nor takes the path away.",
        ),
    )
    redirect_https: bool = field(
        default=False,
        metadata=about(
            kinds.boolean(),
            Effect.LIVE,
            "Whether plain HTTP only leads to HTTPS; `/health` answers always.",
        ),
    )


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """Who gets in, for how long, and how often one may ask."""

    guest: tuple[str, ...] = field(
        default=(),
        metadata=about(
            kinds.permissions(),
            Effect.DAEMON,
            "Permissions of everybody who does not sign in, like `Media_r`, besides those of the role guest.",
        ),
    )
    session_idle: int = field(
        default=1800,
        metadata=about(
            kinds.whole(10, 30 * 86400),
            Effect.DAEMON,
            "Seconds without any activity after which somebody who signed in has to do so again.",
        ),
    )
    session_lifetime: int = field(
        default=43200,
        metadata=about(
            kinds.whole(60, 365 * 86400),
            Effect.DAEMON,
            "Seconds after which one has to sign in again in any case.",
        ),
    )
    rate_limits: bool = field(
        default=True,
        metadata=about(
            kinds.boolean(),
            Effect.LIVE,
            "Whether clients that ask too often get 429: without signing in 10 pictures and 100 calls a "
            "second for each address, and 100 messages a second on each WebSocket. Wrong passwords are "
            "limited anyway.",
        ),
    )
    rate_factor: float = field(
        default=10.0,
        metadata=about(
            kinds.number(1, 1000),
            Effect.LIVE,
            "How many times as many pictures and calls somebody gets who signed in.",
        ),
    )


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """The certificate of the HTTPS site."""

    certificate: Path | None = field(
        default=None,
        metadata=about(
            kinds.path(),
            Effect.LIVE,
            "PEM file with the certificate and its chain, watched for changes. "
            "Without it the certificate is in the data directory, under `tls/`: yours, or a self-signed one.",
            shown="in the data directory",
        ),
    )
    key: Path | None = field(
        default=None,
        metadata=about(
            kinds.path(),
            Effect.LIVE,
            "PEM file with the private key of the certificate, not encrypted.",
            shown="in the data directory",
        ),
    )
    names: tuple[str, ...] = field(
        default=(),
        metadata=about(
            kinds.words(),
            Effect.LIVE,
            "Further host names and addresses for the self-signed certificate; "
            "the host's own names and addresses are in it anyway.",
        ),
    )


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """Where recordings are kept."""

    path: Path | None = field(
        default=None,
        metadata=about(
            kinds.path(),
            Effect.DAEMON,
            "Folder for recordings, which must be there: camd does not make it, for it may be a disk that is not "
            "mounted.",
            shown="`media` in the data directory",
        ),
    )
    reserve: int = field(
        default=0,
        metadata=about(
            kinds.whole(0, 1 << 50),
            Effect.LIVE,
            "Bytes that stay free there: the oldest recordings without a tag are deleted for it. 0 is 5 % of the "
            "disk, and 1 GB at most.",
        ),
    )


@dataclass(frozen=True, slots=True)
class PluginsConfig:
    """Which plugins run."""

    blocked: tuple[str, ...] = field(
        default=(),
        metadata=about(
            kinds.words(),
            Effect.DAEMON,
            "Names of installed plugins that must not be loaded (`camd plugins` lists them).",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that was configured, checked. Immutable; a reload makes a new one.

    data_dir_origin: where data_dir came from; file: the main file, if any; origins: dotted key -> where its
    value came from; fixed: keys given by environment or command line, which cannot change at run time.
    """

    preset: str = field(
        default="standard",
        metadata=about(
            kinds.choice("standard", "appliance"),
            Effect.LISTENER,
            "`appliance` is for a device that does nothing else: ports 80, 443, 554 and 322, and HTTP only leads "
            "to HTTPS. It changes defaults; what is set wins.",
        ),
    )
    http: str | None = field(
        default="tcp:8080",
        metadata=about(
            kinds.endpoint(),
            Effect.LISTENER,
            "Where the HTTP site listens, as a Twisted endpoint; `off` for nowhere.",
        ),
    )
    https: str | None = field(
        default="tcp:8443",
        metadata=about(
            kinds.endpoint(),
            Effect.LISTENER,
            "Where the HTTPS site listens; camd adds the TLS.",
        ),
    )
    rtsp: str | None = field(
        default="tcp:8554",
        metadata=about(
            kinds.endpoint(),
            Effect.LISTENER,
            "Where the RTSP server listens.",
        ),
    )
    rtsps: str | None = field(
        default="tcp:8322",
        metadata=about(
            kinds.endpoint(),
            Effect.LISTENER,
            "Where RTSP over TLS listens, with the certificate of the HTTPS site; camd adds the TLS.",
        ),
    )
    data_dir: Path = field(
        metadata=about(
            kinds.path(),
            Effect.DAEMON,
            "Where camd keeps what must survive a restart. Not allowed in the run-time store.",
            shown="see below",
        ),
    )
    main_camera: str | None = field(
        default=None,
        metadata=about(
            kinds.camera_id(),
            Effect.LIVE,
            "The camera behind `/snapshot`, `/stream` and the other short addresses.",
            shown="the first camera",
        ),
    )
    log_format: str = field(
        default="text",
        metadata=about(
            kinds.choice("text", "json"),
            Effect.DAEMON,
            "Log lines for people, or one JSON object per line.",
        ),
    )
    log_level: str = field(
        default="info",
        metadata=about(
            kinds.choice("debug", "info", "warn", "error"),
            Effect.LIVE,
            "The least important messages that are logged.",
        ),
    )
    websocket: WebSocketConfig = field(default_factory=WebSocketConfig, metadata={"table": WebSocketConfig})
    limits: LimitsConfig = field(default_factory=LimitsConfig, metadata={"table": LimitsConfig})
    web: WebConfig = field(default_factory=WebConfig, metadata={"table": WebConfig})
    auth: AuthConfig = field(default_factory=AuthConfig, metadata={"table": AuthConfig})
    tls: TlsConfig = field(default_factory=TlsConfig, metadata={"table": TlsConfig})
    storage: StorageConfig = field(default_factory=StorageConfig, metadata={"table": StorageConfig})
    plugins: PluginsConfig = field(default_factory=PluginsConfig, metadata={"table": PluginsConfig})
    cameras: dict[str, CameraConfig] = field(default_factory=dict, metadata={"tables": CameraConfig})
    data_dir_origin: str = BUILT_IN
    file: Path | None = None
    origins: dict[str, str] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()


#: Every key, by name and table.
SCHEMA: Tree = tree_of(Config)
