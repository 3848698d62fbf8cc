"""A small world around 100,000 quanta in which everything rare happens often."""

from __future__ import annotations

from tests.exchange.draws import Draw, chance
from tests.exchange.pair import Pair
from tests.exchange.slow import Request, Rules
from tests.exchange.slow.terms import SCHEDULE_VOLUME

MS, SECOND, HOUR = 10**6, 10**9, 3600 * 10**9
START = 1_784_418_000 * SECOND - 20 * SECOND  # 2026-07-18 23:39:40, a while before a new day
MIDDLE = 100_000  # quanta: the valid step is 1 below and 10 from here on
LARGEST_LEVERAGE = 40
#: Volume above which, maker's and taker's rate.
FEE_TIERS = (
    (0, "0.00015", "0.00045"),
    (6_000_000, "0.00012", "0.0004"),
    (20_000_000, "-0.00001", "0.00035"),
)


def draw_rules(draw: Draw) -> Rules:
    """Return rules with small limits."""
    scale = draw.pick([1, 1000, 10**6])
    tiers = draw.pick(
        [
            ((0, LARGEST_LEVERAGE),),
            ((0, 40), (2_000_000, 20), (6_000_000, 10)),
            ((0, 40), (1_000_000, 25), (5_000_000, 10)),
        ]
    )
    return Rules(
        money_scale=scale,
        significant_figures=5,
        unit_quanta=10,
        min_notional=300_000 * scale,
        maker_fee=draw.pick(["0.00015", "-0.00003"]),
        taker_fee="0.00045",
        fee_tiers=tuple((v * scale, m, t) for v, m, t in draw.pick([(), FEE_TIERS])),
        max_open_orders=draw.pick([3, 6, 60]),
        self_trade=not chance(draw, 8),
        block_ns=draw.pick([0, 5 * MS]),
        largest_limit=draw.pick([0, 4_000_000 * scale]),
        largest_market=draw.pick([0, 3_000_000 * scale]),
        price_band_e9=draw.pick([0, 2_000_000]),
        funding_ns=HOUR,
        funding_cap_e12=draw.pick([0, 40_000_000_000]),
        partial_liquidation=draw.pick([1_500_000, 10**9]) * scale,
        cooldown_ns=30 * SECOND,
        tiers=tuple((low * scale, leverage) for low, leverage in tiers),
    )


def draw_pair(draw: Draw) -> Pair:
    """Return a world at its beginning: an image has been shown."""
    rules = draw_rules(draw)
    account = {
        "margin": draw.pick([1, 2, 1, 2, 0]),
        "deposit": draw.pick([200_000, 600_000, 20_000_000]) * rules.money_scale,
        "leverage": draw.pick([3, 10, 20, 40]),
        "volume_before": draw.pick([0, 5_000_000]) * rules.money_scale,
    }
    budget = {
        "by_address": draw.whole(0, 1),
        "initial": draw.pick([5, 40, 1000]),
        "per_money": 3_000_000 * rules.money_scale,
        "cancels_more": draw.pick([3, 100]),
        "free_ns": 10 * SECOND,
        "expired_cost": 5,
        "by_ip": draw.pick([0, 0, 1]),
        "ip_limit": draw.pick([8, 30]),
    }
    hours = range((START // HOUR + 1) * HOUR, START + 3 * HOUR, HOUR)
    rates = {hour: draw.whole(-90_000_000_000, 90_000_000_000) for hour in hours}
    return Pair(rules, account, budget, START, draw.pick([None, None, rates]))


class World:
    """Draws one event after the other."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.pair = draw_pair(draw)
        self.mid = MIDDLE + draw.whole(-3, 3)
        self.next_id = 1
        self.image()

    # ------------------------------------------------------------------ the market

    def _levels(self, side: int) -> list[tuple[int, int]]:
        px = self.mid - side * self.draw.whole(1, 2)
        levels = []
        for _ in range(self.draw.whole(1, 4)):
            levels.append((px, self.draw.whole(1, 25)))
            px -= side * self.draw.whole(1, 9)
        return levels

    def image(self) -> None:
        """An image of the book, whose middle moved."""
        self.mid += self.draw.whole(-4, 4)
        self.mid = max(MIDDLE - 40, min(MIDDLE + 40, self.mid))
        sides = [1, -1]
        self.pair.packet(*[("image", side, self._levels(side)) for side in sides])

    def level(self) -> None:
        """A level changes."""
        side = self.draw.pick([1, -1])
        px = self.mid - side * self.draw.whole(-2, 12)
        lots = 0 if chance(self.draw, 4) else self.draw.whole(1, 25)
        self.pair.packet(("level", side, px, lots))

    def bbo(self) -> None:
        """The best of one side or of both."""
        for side in self.draw.pick([[1], [-1], [1, -1]]):
            lots = 0 if chance(self.draw, 8) else self.draw.whole(1, 25)
            px = self.mid - side * self.draw.whole(0, 6)
            self.pair.packet(("bbo", side, px if lots else 0, lots))

    def trade(self) -> None:
        """A print."""
        aggressor = self.draw.pick([1, -1])
        px = self.mid + aggressor * self.draw.whole(-3, 12)
        self.pair.packet(("trade", aggressor, px, self.draw.whole(1, 40)))

    def mark(self) -> None:
        """The mark moves, now and then far."""
        off = self.draw.whole(-40, 40)
        if chance(self.draw, 12):
            off = self.draw.whole(-6_000, 6_000)
        self.pair.packet(("mark", MIDDLE + off))

    def squeeze(self) -> None:
        """The mark goes to where the account has a given part of its maintenance margin."""
        margin = self.pair.slow.margin
        held = self.pair.slow_account.position
        if not margin.on or held == 0:
            self.mark()
            return
        tenths = self.draw.pick([20, 12, 10, 9, 8, 7, 6])
        good, bad = margin.mark, MIDDLE // 2 if held > 0 else 2 * MIDDLE
        now = margin.mark
        while abs(good - bad) > 1:
            margin.mark = (good + bad) // 2
            if 10 * margin.backing >= tenths * margin.maintenance:
                good = margin.mark
            else:
                bad = margin.mark
        margin.mark = now
        self.pair.packet(("mark", self.draw.pick([good, bad])))

    def context(self) -> None:
        """Oracle price or funding rate."""
        if self.draw.whole(0, 1):
            self.pair.packet(("oracle", MIDDLE + self.draw.whole(-50, 50)))
        else:
            self.pair.packet(("rate", self.draw.whole(-90_000_000_000, 90_000_000_000)))

    def gap(self) -> None:
        """The feed missed something."""
        self.pair.packet(("gap",))

    def wait(self) -> None:
        """Time passes: a little, or until the next hour, or a day."""
        to_hour = HOUR - self.pair.now % HOUR
        self.pair.wait(self.draw.pick([MS, 7 * MS, SECOND, 11 * SECOND, 40 * SECOND, to_hour]))

    # ------------------------------------------------------------------ requests

    def _price(self, side: int, tif: str) -> int:
        reach = self.draw.whole(-6, 14) if tif == "ALO" else self.draw.whole(-10, 4)
        px = self.mid - side * reach
        if chance(self.draw, 12):
            px -= side * self.draw.pick([150, 280, 350])
        if not chance(self.draw, 8):
            px -= px % self.pair.rules.step(px)
        return px

    def _expires(self) -> int:
        if not chance(self.draw, 12):
            return 0
        return self.pair.now + self.draw.pick([-SECOND, 0, MS, MS, 10 * SECOND])

    def new(self) -> Request:
        """A new order."""
        side = self.draw.pick([1, -1])
        tif = self.draw.pick(["ALO", "ALO", "GTC", "IOC"])
        held = self.pair.slow_account.position
        reduce_only = held != 0 and chance(self.draw, 3)
        if reduce_only and not chance(self.draw, 6):
            side = 1 if held < 0 else -1
        elif chance(self.draw, 40):
            reduce_only = True
        order_id, self.next_id = self.next_id, self.next_id + 1
        lots = self.draw.whole(3, 25)
        if chance(self.draw, 10):
            lots = self.draw.pick([0, 1, 2, 60])
        return Request(
            "NEW", order_id, 0, side, self._price(side, tif), lots, tif, reduce_only,
            expires_ts=self._expires(),
        )  # fmt: skip

    def _some_order(self) -> tuple[int, bool]:
        """Return an id, or the exchange's own number, mostly of an open order."""
        by_oid = chance(self.draw, 3)
        orders = self.pair.slow.orders.oldest_first()
        if orders and not chance(self.draw, 8):
            order = self.draw.pick(orders)
            return (order.oid if by_oid else order.id), by_oid
        return self.draw.whole(1, self.next_id + 3), by_oid

    def cancel(self) -> Request:
        """A cancel."""
        name, by_oid = self._some_order()
        return Request("CANCEL", name, by_oid=by_oid, expires_ts=self._expires())

    def modify(self) -> Request:
        """A modify."""
        name, by_oid = self._some_order()
        old = self.pair.slow.orders.find(name, by_oid)
        side, tif = (old.side, old.tif) if old else (1, "ALO")
        new_id, self.next_id = self.next_id, self.next_id + 1
        lots = self.draw.whole(1, 25)
        return Request(
            "MODIFY", name, new_id, side, self._price(side, tif), lots, tif, by_oid=by_oid,
            expires_ts=self._expires(),
        )  # fmt: skip

    def schedule(self) -> Request:
        """Cancel everything later, or not."""
        least = MS + 5 * SECOND  # from now on, for a request that arrives in a millisecond
        ahead = self.draw.pick([0, least - 1, least, 6 * SECOND, 60 * SECOND])
        return Request("SCHEDULE_CANCEL", quantity=self.pair.now + ahead if ahead else 0)

    def schedules(self) -> None:
        """A scheduled cancel that happens, once or many times."""
        account = self.pair.slow_account
        if account.maker_money + account.taker_money < SCHEDULE_VOLUME:
            self.wait()
            return
        for _ in range(self.draw.pick([1, 2, 12])):
            self.pair.request(Request("SCHEDULE_CANCEL", quantity=self.pair.now + 6 * SECOND))
            self.pair.wait(7 * SECOND)

    def leverage(self) -> Request:
        """Another leverage, or the other kind of margin."""
        leverage = self.draw.pick([0, 1, 3, 5, 10, 20, 25, 40, 41])
        side = self.draw.pick([1, -1])
        if not chance(self.draw, 3):
            side = -1 if self.pair.slow_account.margin == 2 else 1
        return Request("LEVERAGE", side=side, quantity=leverage)

    def isolated_margin(self) -> Request:
        """More margin for an isolated position, or less."""
        amount = self.draw.whole(-300_000, 500_000) * self.pair.rules.money_scale
        return Request("ISOLATED_MARGIN", quantity=amount)

    def requests(self) -> None:
        """One request or a few that arrive together, maybe together with a packet."""
        kinds = [self.new, self.new, self.new, self.cancel, self.modify]
        if self.pair.slow_account.margin:
            kinds += [self.leverage, self.isolated_margin]
        kinds.append(self.schedule)
        requests = []
        for _ in range(self.draw.pick([1, 1, 1, 2, 3])):
            requests.append(self.draw.pick(kinds)())
        rows = []
        if chance(self.draw, 5):
            aggressor = self.draw.pick([1, -1])
            rows = [("trade", aggressor, self.mid + aggressor * self.draw.whole(0, 9), 9)]
        self.pair.burst(requests, rows)

    def meet(self) -> None:
        """A taker that just reaches an own order of the other side, or just doesn't."""
        own = self.pair.slow.orders.oldest_first()
        if not own:
            self.orders()
            return
        mine = self.draw.pick([order for order in own if order.place.ahead > 0] or own)
        lots = mine.place.ahead + self.draw.whole(0, 1)
        for key, shown in self.pair.slow.sides[mine.side].from_best():
            if key > mine.side * mine.px:
                gone = self.pair.slow.taken.get((mine.side, mine.side * key), 0)
                lots += max(shown - gone, 0)
        order_id, self.next_id = self.next_id, self.next_id + 1
        tif = self.draw.pick(["IOC", "GTC"])
        self.pair.request(Request("NEW", order_id, 0, -mine.side, mine.px, max(lots, 1), tif))

    def orders(self) -> None:
        """One new order."""
        self.pair.request(self.new())


#: Events, and how often each happens.
EVENTS = {
    World.image: 4,
    World.level: 4,
    World.bbo: 3,
    World.trade: 8,
    World.mark: 3,
    World.squeeze: 2,
    World.schedules: 1,
    World.context: 2,
    World.gap: 1,
    World.wait: 4,
    World.orders: 10,
    World.meet: 4,
    World.requests: 12,
}
