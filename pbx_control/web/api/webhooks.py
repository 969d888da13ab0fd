"""/api/v1/webhooks: where events are told."""

from pbx_control.services.reach import Reach, Webhook
from pbx_control.web.api import shapes
from pbx_control.web.api.asking import Given
from pbx_control.web.api.cursors import at_id, cursor
from pbx_control.web.api.done import Done
from pbx_control.web.site import Site


def webhooks(reach: Reach, given: Given, _site: Site) -> Done:
    """GET /webhooks"""
    wanted: shapes.WebhooksWanted = given.query
    found = reach.webhooks(wanted.client, at_id(wanted.cursor), wanted.limit + 1)
    shown = found[: wanted.limit]
    more = cursor(shown[-1].id) if len(found) > wanted.limit else None
    return Done(answer=shapes.Webhooks([_webhook(one) for one in shown], more))


def add(reach: Reach, given: Given, _site: Site) -> Done:
    """POST /webhooks"""
    asked: shapes.Receiver = given.body
    made, again = reach.add_webhook(asked.url, asked.events, asked.client, given.once, given.at)
    return Done(answer=_with_secret(made), again=again)


def rotate(reach: Reach, given: Given, _site: Site) -> Done:
    """POST /webhooks/WEBHOOK/rotate"""
    made, again = reach.rotate_webhook(given.number("webhook"), given.once, given.at)
    return Done(answer=_with_secret(made), again=again)


def remove(reach: Reach, given: Given, _site: Site) -> Done:
    """POST /webhooks/WEBHOOK/remove"""
    number = given.number("webhook")
    again = reach.remove_webhook(number, given.once, given.at)
    return Done(answer=shapes.WebhookRemoved(number), again=again)


def _with_secret(made: Webhook) -> shapes.WebhookMade:
    facts = {name: getattr(_webhook(made), name) for name in shapes.Webhook.__struct_fields__}
    return shapes.WebhookMade(**facts, secret=made.secret)


def _webhook(one: Webhook) -> shapes.Webhook:
    return shapes.Webhook(
        id=one.id,
        client=one.client,
        url=one.url,
        events=[each.value for each in one.events],
        state=one.state,
        created_at=one.created_at,
        rotated_at=one.rotated_at,
        delivered_at=one.delivered_at,
        failing_since=one.failing_since,
        waiting=one.waiting,
        lost=one.lost,
    )
