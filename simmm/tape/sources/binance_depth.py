"""Sequence rules of Binance's USD-M depth stream, and images that were fetched between.

Each message names its first and last update (``U``, ``u``) and the last one of the message before
(``pu``): where ``pu`` is not that message's ``u``, messages were lost. An image names its last
update; what it does not yet know has to be put on top of it.
"""

from collections import deque
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

_REMEMBERED = 4096  # messages: an image that is older by more has no use
Levels = list[tuple[float, float]]


class Image(msgspec.Struct, rename={"last_update": "lastUpdateId"}):
    """An image of the book as REST gives it."""

    last_update: int
    bids: Levels
    asks: Levels
    T: int | None = None
    E: int | None = None

    @property
    def time(self) -> int | None:
        """When it was true, ms since 1970."""
        return self.E if self.T is None else self.T


class _Message(NamedTuple):
    number: int  # of the capture's messages
    time: int  # ms
    first: int
    last: int
    before: int
    bids: Levels
    asks: Levels


class Sequence(NamedTuple):
    """What the numbers say. Messages are named by their number in the capture."""

    breaks: list[int]  # first messages after a loss
    duplicates: list[int]
    stale: list[int]  # known to an image that arrived before
    disordered: int  # how many arrived after a later one
    sound: np.ndarray  # messages that follow on the one before, and which that is

    def bridges(self, place: int, rank: np.ndarray) -> bool:
        """Return whether a message from `place` on follows on one before: nothing was lost.

        `rank` is the place of each message in order of arrival.
        """
        if len(self.sound) == 0:
            return False
        return bool(np.any((rank[self.sound[:, 0]] < place) & (rank[self.sound[:, 1]] >= place)))


class DepthChain:
    """Takes depth messages and images in order of arrival."""

    def __init__(self) -> None:
        self._recent: deque[_Message] = deque(maxlen=_REMEMBERED)
        self._known: list[tuple[int, int, int, int]] = []  # number, first, last, before
        self._images: list[tuple[int, int]] = []  # number, last update
        self._stale: list[int] = []
        self._image_last = -1

    def add(
        self, number: int, time: int, first: int, last: int, before: int, bids: Levels, asks: Levels
    ) -> None:
        """Take a depth message."""
        self._known.append((number, first, last, before))
        if last <= self._image_last:
            self._stale.append(number)
        else:
            self._recent.append(_Message(number, time, first, last, before, bids, asks))

    def add_image(self, number: int, last: int) -> None:
        """Take an image that was shown."""
        self._images.append((number, last))
        self._image_last = max(self._image_last, last)

    def forget_images(self) -> list[int]:
        """Take no notice of images, and return which there were."""
        shown = [number for number, _ in self._images]
        self._images, self._stale = [], []
        return shown

    def up_to_date(self, image: Image) -> Image | None:
        """Return an image with the changes that arrived before it and that it doesn't know yet.

        None: it can't be connected with them. The image itself: there were none.
        """
        missed = sorted(
            {m.last: m for m in self._recent if m.last > image.last_update}.values(),
            key=lambda message: message.last,
        )
        if not missed:
            return image
        if missed[0].first > image.last_update + 1 and missed[0].before > image.last_update:
            return None
        if any(after.before != message.last for message, after in pairwise(missed)):
            return None
        latest = max(message.time for message in missed)
        time = image.time
        return Image(
            last_update=missed[-1].last,
            bids=_changed(image.bids, [m.bids for m in missed], ascending=False),
            asks=_changed(image.asks, [m.asks for m in missed], ascending=True),
            T=latest if time is None else max(time, latest),
        )

    def check(self) -> Sequence:
        """Return what was lost, came twice or is of no use."""
        if not self._known:
            return Sequence([], [], [], 0, np.empty((0, 2), np.int64))
        number, first, last, before = np.array(self._known, np.int64).T
        disordered = int(np.count_nonzero(last < np.maximum.accumulate(last)))
        # By update, not by arrival: what came late is not lost.
        _, once = np.unique(last, return_index=True)
        repeated = np.ones(len(last), bool)
        repeated[once] = False
        number_in_order, last_in_order = number[once], last[once]
        follows = before[once][1:] == last_in_order[:-1]
        breaks = number_in_order[1:][~follows].tolist()
        sound = np.stack((number_in_order[:-1][follows], number_in_order[1:][follows]), axis=1)
        start = int(once[0])
        earlier = [known for at, known in self._images if at < number[start]]
        if earlier and before[start] > earlier[-1] and first[start] > earlier[-1] + 1:
            breaks.insert(0, int(number[start]))
        duplicates = number[repeated].tolist()
        stale = sorted(set(self._stale) - set(duplicates))
        late = disordered - int(np.count_nonzero(repeated & (last < np.maximum.accumulate(last))))
        return Sequence(breaks, duplicates, stale, late, sound)


def _changed(levels: Levels, changes: list[Levels], *, ascending: bool) -> Levels:
    """Return an image's side after changes; beyond its last level it still knows nothing."""
    if not levels:
        return levels
    edge = levels[-1][0]
    sizes = dict(levels)
    for change in changes:
        for price, size in change:
            if (price <= edge) if ascending else (price >= edge):
                sizes[price] = size
    there = [(price, size) for price, size in sizes.items() if size > 0]
    return sorted(there, reverse=not ascending)
