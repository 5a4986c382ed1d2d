"""Policy: what a Subscription does with the items that its consumer has no time for.

Pictures that stand alone need one slot: the newest is what a slow viewer wants. A coded video does
not stand alone: one packet left out breaks all until the next key frame. Its policy keeps a bounded
queue, and when that is full it drops the whole of it, because what follows cannot be decoded. Who records
wants what was there first, and to be told of every picture that is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

#: Items that a consumer of coded video may be behind: three seconds of 30 a second.
GOP_LIMIT = 90
#: What a recorder may be behind (items, and bytes as far as known).
KEEP_ITEMS, KEEP_BYTES = 900, 32 * 1024 * 1024
#: A group of pictures larger than this is not kept for newcomers (items, and bytes as far as known).
HISTORY_ITEMS, HISTORY_BYTES = 300, 16 * 1024 * 1024


class Policy(Protocol):
    """For one Subscription. waits: an item may not be delivered at once, even to an idle consumer."""

    waits: bool

    def begin(self, history: Iterable[Any]) -> None:
        """The items by which a newcomer may catch up, the first of them a key frame."""

    def put(self, item: Any) -> int:
        """Keep an item; returns how many were dropped for it."""

    def take(self) -> Any:
        """The next item to deliver, or None."""

    def clear(self) -> None:
        """Nobody is to get what waits."""


class Latest:
    """While the consumer is paused keep only the newest item. Right for pictures."""

    __slots__ = ("_item",)
    waits = False

    def __init__(self) -> None:
        self._item: Any = None

    def begin(self, history: Iterable[Any]) -> None:
        pass

    def put(self, item: Any) -> int:
        dropped = self._item is not None
        self._item = item
        return dropped

    def take(self) -> Any:
        item, self._item = self._item, None
        return item

    def clear(self) -> None:
        self._item = None


class Gop:
    """Every item in order, or all up to the next key frame are dropped. Right for coded video.

    Items have `keyframe`. limit: how many may wait. broken: the next one has to be a key frame,
    which is so at the beginning and after an overflow.
    """

    __slots__ = ("_items", "_limit", "broken")

    def __init__(self, limit: int = GOP_LIMIT) -> None:
        self._items: deque[Any] = deque()
        self._limit = limit
        self.broken = True

    @property
    def waits(self) -> bool:
        return self.broken or bool(self._items)

    def begin(self, history: Iterable[Any]) -> None:
        self._items.extend(history)
        self.broken = not self._items

    def put(self, item: Any) -> int:
        dropped = 0
        if len(self._items) >= self._limit and not self.broken:
            dropped = len(self._items)
            self._items.clear()
            self.broken = True
        if self.broken and not item.keyframe:
            return dropped + 1
        self.broken = False
        self._items.append(item)
        return dropped

    def take(self) -> Any:
        return self._items.popleft() if self._items else None

    def clear(self) -> None:
        self._items.clear()
        self.broken = True


@dataclass(slots=True)
class Lost:
    """Stands in a queue for items that found no room: how many, the first and the last of them."""

    first: Any
    last: Any
    count: int = 1


class Keep:
    """Every item in order; what finds no room is left out up to the next key frame that does, and a Lost is
    delivered in its place. Right for recording, where what is missing must be known.

    Items have `keyframe`. limit: how many may wait; most: their bytes together.
    """

    __slots__ = ("_begun", "_bytes", "_items", "_limit", "_lost", "_most")

    def __init__(self, limit: int = KEEP_ITEMS, most: int = KEEP_BYTES) -> None:
        self._items: deque[Any] = deque()
        self._bytes = 0
        self._limit = limit
        self._most = most
        self._begun = False
        self._lost: Lost | None = None

    @property
    def waits(self) -> bool:
        return not self._begun or self._lost is not None or bool(self._items)

    def begin(self, history: Iterable[Any]) -> None:
        for item in history:
            self.put(item)

    def put(self, item: Any) -> int:
        if not self._begun:  # nothing is missing before the first one
            if not item.keyframe:
                return 0
            self._begun = True
        size = len(getattr(item, "data", b""))
        has_room = len(self._items) < self._limit and self._bytes + size <= self._most
        if self._lost is not None and not (item.keyframe and has_room):
            self._lost.last, self._lost.count = item, self._lost.count + 1
            return 1
        if not has_room:
            self._lost = Lost(item, item)
            return 1
        if self._lost is not None:
            self._items.append(self._lost)
            self._lost = None
        self._items.append(item)
        self._bytes += size
        return 0

    def take(self) -> Any:
        if not self._items:
            return None
        item = self._items.popleft()
        self._bytes -= len(getattr(item, "data", b""))
        return item

    def clear(self) -> None:
        self._items.clear()
        self._bytes, self._begun, self._lost = 0, False, None


class History:
    """The group of pictures that is under way: what a newcomer needs to begin at once."""

    __slots__ = ("_bytes", "_items")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._bytes = 0

    def __iter__(self) -> Any:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Any) -> None:
        if item.keyframe:
            self.clear()
        elif not self._items:
            return
        self._items.append(item)
        self._bytes += len(getattr(item, "data", b""))
        if len(self._items) > HISTORY_ITEMS or self._bytes > HISTORY_BYTES:
            self.clear()

    def clear(self) -> None:
        self._items.clear()
        self._bytes = 0
