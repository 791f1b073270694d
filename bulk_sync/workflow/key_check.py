"""``key test``: one cheap request that says whether the key is good and what quota is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bulk_sync.errors import Halted, KeyRefused
from bulk_sync.planning.snapshot import parse_page
from bulk_sync.records import Request
from bulk_sync.sending.outcomes import describe
from bulk_sync.settings import Settings
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.session import open_client, open_quota
from bulk_sync.workflow.target import open_target


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What the one request told."""

    base_url: str
    account: str
    key_from: str
    remaining: int | None
    limit: int | None
    reset_in: float

    def lines(self) -> Iterator[str]:
        """Yield the report line by line."""
        yield f"the key is good: {self.base_url} answered with clients"
        yield f"key: from {self.key_from}"
        yield f"account: {self.account}"
        if self.remaining is None:
            yield "quota: the answer does not say"
        else:
            yield f"quota: {self.remaining} of {self.limit} requests left, whole again in {self.reset_in:.0f} s"


async def check_key(desk: Desk, settings: Settings) -> KeyReport:
    """Ask for one client. Raises :class:`KeyRefused` for a 401, :class:`Halted` for any other trouble."""
    with open_target(desk, settings, sandbox=False) as target, open_quota(desk, settings, target) as quota:
        async with open_client(settings, target, page_limit=1) as client:
            permit = await quota.acquire()
            reply = await client.send(Request("page"))
            quota.report(permit, reply)
        code, message = describe(reply) if reply.http_status != 200 else ("", "")
        if reply.http_status in {401, 403}:
            refused = f"the API refused the key from {target.key_from}: {message}"
            raise KeyRefused(refused, hint="is it whole, and of the right workspace?")
        if reply.http_status != 200:
            moved = reply.http_status is not None and 300 <= reply.http_status < 400
            elsewhere = moved or reply.http_status == 404
            hint = "is --base-url the API's own address?" if elsewhere else "try again later"
            raise Halted(f"{target.base_url}: {message} ({code})", hint=hint)
        parse_page(reply.body)  # raises where a 200 brings no clients: another server than the API
        standing = quota.standing()
        remaining = standing.remaining if standing.told else None
        return KeyReport(target.base_url, target.account, target.key_from, remaining, standing.limit, standing.reset_in)
