"""/api/v1/clients: the clients that a token reaches, and their ledgers."""

from pbx_control.services.reach import EntrySeen, Reach
from pbx_control.web.api import shapes
from pbx_control.web.api.asking import Given
from pbx_control.web.api.cursors import at_name, cursor
from pbx_control.web.api.done import Done
from pbx_control.web.site import Site


def clients(reach: Reach, given: Given, _site: Site) -> Done:
    """GET /clients"""
    wanted: shapes.ClientsWanted = given.query
    found = reach.clients(at_name(wanted.cursor), wanted.limit + 1)
    shown = found[: wanted.limit]
    items = [
        shapes.Client(one.slug, one.name, one.state.value, one.language, one.timezone, one.week, one.number)
        for one in shown
    ]
    return Done(answer=shapes.Clients(items, cursor(shown[-1].slug) if len(found) > wanted.limit else None))


def ledger(reach: Reach, given: Given, _site: Site) -> Done:
    """GET /clients/CLIENT/ledger"""
    wanted: shapes.LedgerWanted = given.query
    slug = given.path["client"]
    seen = reach.ledger(slug, wanted.month, given.at)
    told = seen.month
    answer = shapes.Ledger(
        client=slug,
        plan=told.plan,
        since=told.period.start if told.period else None,
        until=told.period.end if told.period else None,
        running=told.running,
        opening=told.opening,
        closing=told.closing,
        left=told.account.left if told.account else None,
        entries=[_entry(one) for one in seen.entries],
    )
    return Done(answer=answer)


def _entry(seen: EntrySeen) -> shapes.Entry:
    one = seen.entry
    return shapes.Entry(
        id=one.id,
        at=one.at,
        kind=one.kind,
        units=one.units,
        source=one.source,
        call=one.call_id,
        reverses=one.reverses,
        why=one.why,
        disputed=one.disputed is not None,
        settled=one.settled_at is not None,
        withheld=seen.withheld,  # type: ignore[arg-type]
    )
