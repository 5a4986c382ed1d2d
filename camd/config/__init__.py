"""What the daemon is told: TOML files, environment and command line become one frozen Config.

`model` has the keys, `values` what each may hold, `layers` where values come from, `reading` puts them together
and reports every mistake at once, `data_dir` finds and guards the place for what camd keeps.
"""

from .data_dir import prepare_data_dir
from .model import (
    AuthConfig,
    CameraConfig,
    Config,
    LimitsConfig,
    PluginsConfig,
    StorageConfig,
    TlsConfig,
    WebConfig,
    WebSocketConfig,
)
from .reading import changes, load
from .schema import Effect

__all__ = [
    "AuthConfig",
    "CameraConfig",
    "Config",
    "Effect",
    "LimitsConfig",
    "PluginsConfig",
    "StorageConfig",
    "TlsConfig",
    "WebConfig",
    "WebSocketConfig",
    "changes",
    "load",
    "prepare_data_dir",
]
