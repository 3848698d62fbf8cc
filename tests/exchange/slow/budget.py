"""How many requests an address and an IP may still send."""

from __future__ import annotations

from dataclasses import dataclass

from tests.exchange.slow.account import Account
from tests.exchange.slow.terms import Request

MINUTE = 60 * 10**9


@dataclass
class Budget:
    """The budgets; money in money quanta."""

    account: Account
    by_address: bool = False
    initial: int = 10_000
    per_money: int = 10**6
    cancels_more: int = 100_000
    free_ns: int = 10 * 10**9
    expired_cost: int = 5
    by_ip: bool = False
    ip_limit: int = 1200
    used: int = 0
    refused: int = 0
    ip_refused: int = 0
    free_ts: int = 0
    exhausted_ts: int = 0
    free_requests: int = 0  # let through although all was used up
    ip_used: int = 0
    minute: int = -1
    action: tuple[int, str] = (-1, "")  # when sent, and what, the action being counted
    elements: int = 0

    @property
    def limit(self) -> int:
        traded = self.account.maker_money + self.account.taker_money
        return self.initial + traded // self.per_money

    def expired(self) -> None:
        """An action came after its time."""
        if self.by_address:
            self.used += self.expired_cost

    def refusal(self, now: int, request: Request) -> str:
        """Count a request; return why it is refused, or nothing."""
        if self.by_ip and not self._ip_allows(now, request):
            self.ip_refused += 1
            return "RATE_LIMITED"
        if not self.by_address:
            return ""
        cap = self.limit
        if request.kind == "CANCEL":
            cap = min(cap + self.cancels_more, 2 * cap)
        if self.used >= cap:
            if now < self.free_ts + self.free_ns:
                self.refused += 1
                self.exhausted_ts = self.exhausted_ts or now
                return "OUT_OF_REQUESTS"
            self.free_ts = now
            self.free_requests += 1
        self.used += 1
        return ""

    def _ip_allows(self, now: int, request: Request) -> bool:
        if now // MINUTE != self.minute:
            self.minute, self.ip_used = now // MINUTE, 0
        action = (request.sent_ts, request.kind)
        if action != self.action:
            self.action, self.elements = action, 0
        elements = self.elements + 1
        weight = 1 if elements == 1 or elements % 40 == 0 else 0
        if self.ip_used + weight > self.ip_limit:
            return False
        self.elements = elements
        self.ip_used += weight
        return True
