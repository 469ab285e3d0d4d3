"""The embedded ad platform: campaigns, restrictions on them, and marketing's own plans.

Rules it enforces:

1. A campaign must exist, and an ended one takes no new restriction.
2. A campaign has at most one restriction of a kind in one area. To change a bid modifier, lift first.
3. ``lift`` takes back exactly the restriction it names, on the campaign and area it names; what else is in
   force there stays. So lifting restores the state from before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

from crossloop.actions.port import Conflict, NotFound, Performed
from crossloop.adapters.arguments import Lift, OnArea, ReduceBid
from crossloop.adapters.embedded.system import EmbeddedSystem, Operation, stored
from crossloop.ids import ActionKey, derived
from crossloop.signals import ActionRequest
from crossloop.signals.entities import Area, Campaign, Restriction, RestrictionKind, ScaleUp


def _suppress_cod(connection: sqlite3.Connection, arguments: OnArea, key: ActionKey) -> Performed:
    reference = _restrict(connection, arguments, "suppress_cod", key)
    return Performed(
        reference=reference,
        detail=f"{arguments.campaign_id}: hidden from likely cash-on-delivery buyers in {_place(arguments)}.",
    )


def _exclude_area(connection: sqlite3.Connection, arguments: OnArea, key: ActionKey) -> Performed:
    reference = _restrict(connection, arguments, "exclude", key)
    return Performed(
        reference=reference, detail=f"{arguments.campaign_id}: not shown in {_place(arguments)}."
    )


def _reduce_bid(connection: sqlite3.Connection, arguments: ReduceBid, key: ActionKey) -> Performed:
    modifier = format(arguments.bid_modifier, "f")
    reference = _restrict(connection, arguments, "reduce_bid", key, modifier)
    return Performed(
        reference=reference,
        detail=f"{arguments.campaign_id}: bids times {modifier} in {_place(arguments)}.",
    )


def _restrict(
    connection: sqlite3.Connection,
    arguments: OnArea,
    kind: RestrictionKind,
    key: ActionKey,
    bid_modifier: str | None = None,
) -> str:
    status = connection.execute(
        "SELECT status FROM campaign WHERE campaign_id = ?", (arguments.campaign_id,)
    ).fetchone()
    if status is None:
        raise NotFound(f"there is no campaign '{arguments.campaign_id}'.")
    if status[0] == "ended":
        raise Conflict(f"the campaign '{arguments.campaign_id}' has ended.")
    area = arguments.area
    standing = connection.execute(
        "SELECT reference FROM restriction WHERE campaign_id = ? AND kind = ? AND country = ? "
        "AND level = ? AND code = ? AND lifted = 0",
        (arguments.campaign_id, kind, area.country, area.level, area.code),
    ).fetchone()
    if standing is not None:
        raise Conflict(f"{arguments.campaign_id} has {kind} in {_place(arguments)} already: {standing[0]}.")
    reference = derived("rst", key)
    connection.execute(
        "INSERT INTO restriction (reference, campaign_id, kind, country, level, code, area, bid_modifier) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            reference,
            arguments.campaign_id,
            kind,
            area.country,
            area.level,
            area.code,
            area.model_dump_json(),
            bid_modifier,
        ),
    )
    return reference


def _lift(connection: sqlite3.Connection, arguments: Lift, _key: ActionKey) -> Performed:
    row = cast(
        "tuple[str, str, str, int] | None",
        connection.execute(
            "SELECT campaign_id, kind, area, lifted FROM restriction WHERE reference = ?",
            (arguments.restriction,),
        ).fetchone(),
    )
    if row is None:
        raise NotFound(f"there is no restriction '{arguments.restriction}'.")
    campaign_id, kind, area, lifted = row
    if campaign_id != arguments.campaign_id or stored(Area, area).path != arguments.area.path:
        raise Conflict(f"'{arguments.restriction}' is not on {arguments.campaign_id} in {_place(arguments)}.")
    if lifted:
        raise Conflict(f"'{arguments.restriction}' was lifted before.")
    connection.execute("UPDATE restriction SET lifted = 1 WHERE reference = ?", (arguments.restriction,))
    return Performed(
        reference=arguments.restriction,
        detail=f"{campaign_id}: {kind} in {_place(arguments)} is lifted.",
    )


def _lifting(arguments: OnArea, performed: Performed) -> ActionRequest:
    return Lift(
        campaign_id=arguments.campaign_id, area=arguments.area, restriction=performed.reference
    ).request("ads", "lift")


def _replace_campaigns(connection: sqlite3.Connection, campaigns: Iterable[Campaign]) -> None:
    known = {
        campaign_id: stored(Campaign, body)
        for campaign_id, body in connection.execute("SELECT campaign_id, body FROM campaign")
    }
    ended = {key: one.model_copy(update={"status": "ended"}) for key, one in known.items()}
    listed = {one.campaign_id: one for one in campaigns}
    changed = [one for key, one in (ended | listed).items() if known.get(key) != one]
    connection.executemany(
        "INSERT INTO campaign (campaign_id, status, body) VALUES (?, ?, ?) "
        "ON CONFLICT (campaign_id) DO UPDATE SET status = excluded.status, body = excluded.body",
        [(one.campaign_id, one.status, one.model_dump_json()) for one in changed],
    )


def _replace_scale_ups(connection: sqlite3.Connection, scale_ups: Iterable[ScaleUp]) -> None:
    connection.execute("DELETE FROM scale_up")
    connection.executemany(
        "INSERT INTO scale_up (plan_id, body) VALUES (?, ?)",
        [(plan.plan_id, plan.model_dump_json()) for plan in scale_ups],
    )


def _place(arguments: OnArea) -> str:
    return arguments.area.path.removeprefix("geo/")


class EmbeddedAds(EmbeddedSystem):
    """Implements :class:`crossloop.adapters.ports.AdPlatform`."""

    name: ClassVar[str] = "ads"
    known: ClassVar[Mapping[str, Operation[Any]]] = {
        "suppress_cod": Operation(
            "Hide a campaign from likely cash-on-delivery buyers of an area.", OnArea, _suppress_cod, _lifting
        ),
        "reduce_bid": Operation(
            "Multiply a campaign's bids in an area by 0.1 to 1.0.", ReduceBid, _reduce_bid, _lifting
        ),
        "exclude_area": Operation("Stop showing a campaign in an area.", OnArea, _exclude_area, _lifting),
        "lift": Operation("Take one restriction back.", Lift, _lift),
    }

    async def campaigns(self) -> tuple[Campaign, ...]:
        """Every campaign, paused and ended ones included, by id."""
        bodies = await self._database.rows("SELECT body FROM campaign ORDER BY campaign_id")
        return tuple(stored(Campaign, body) for (body,) in bodies)

    async def scale_ups(self) -> tuple[ScaleUp, ...]:
        """Marketing's standing plans, by plan id."""
        bodies = await self._database.rows("SELECT body FROM scale_up ORDER BY plan_id")
        return tuple(stored(ScaleUp, body) for (body,) in bodies)

    async def restrictions(self, campaign_id: str | None = None) -> tuple[Restriction, ...]:
        """Restrictions in force, of one campaign or of all, in the order in which they were made."""
        rows = await self._database.rows(
            "SELECT reference, campaign_id, kind, area, bid_modifier FROM restriction "
            "WHERE lifted = 0 AND (:campaign IS NULL OR campaign_id = :campaign) ORDER BY id",
            {"campaign": campaign_id},
        )
        return tuple(
            Restriction(
                reference=reference,
                campaign_id=campaign,
                kind=kind,
                area=stored(Area, area),
                bid_modifier=bid_modifier,
            )
            for reference, campaign, kind, area, bid_modifier in rows
        )

    def load_first(self, campaigns: Iterable[Campaign], scale_ups: Iterable[ScaleUp]) -> None:
        """Load campaigns and plans where no campaign is known yet; else change nothing."""

        def load(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT 1 FROM campaign LIMIT 1").fetchone() is None:
                _replace_campaigns(connection, campaigns)
                _replace_scale_ups(connection, scale_ups)

        self._database.write_now(load)

    def load_campaigns(self, campaigns: Iterable[Campaign]) -> None:
        """Make this the list of campaigns.

        A campaign that is not on the list any more is kept with the status ``ended``, because restrictions
        refer to it. Restrictions stay as they are.
        """
        self._database.write_now(lambda connection: _replace_campaigns(connection, campaigns))

    def load_scale_ups(self, scale_ups: Iterable[ScaleUp]) -> None:
        """Make these the standing plans, instead of those before."""
        self._database.write_now(lambda connection: _replace_scale_ups(connection, scale_ups))
