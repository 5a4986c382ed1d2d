"""What the camera *is* now: observables with types, ranges and permissions, under one revision."""

from .alias import Alias, Vocabulary
from .event import Event
from .observable import Observable
from .permission import EVERYONE, GUEST_NAME, SYSTEM, Permission, Principal
from .spec import Spec, Value
from .state import State, Watch
from .store import Store

__all__ = (
    "EVERYONE", "GUEST_NAME", "SYSTEM", "Alias", "Event", "Observable", "Permission", "Principal", "Spec", "State",
    "Store", "Value", "Vocabulary", "Watch",
)  # fmt: skip
