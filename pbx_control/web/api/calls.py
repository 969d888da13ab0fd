"""/api/v1/calls and /api/v1/messages: what came, and what was written about it."""

from pbx_control.services.reach import CallSeen, MessageSeen, Reach, Span
from pbx_control.web.api import shapes
from pbx_control.web.api.asking import Given
from pbx_control.web.api.cursors import at_call, cursor
from pbx_control.web.api.done import Done
from pbx_control.web.site import Site


def calls(reach: Reach, given: Given, _site: Site) -> Done:
    """GET /calls"""
    wanted: shapes.CallsWanted = given.query
    span = Span(since=wanted.since, until=wanted.until)
    found = reach.calls(wanted.client, span, at_call(wanted.cursor), wanted.limit + 1)
    shown = found[: wanted.limit]
    more = cursor(shown[-1].call.arrived_at, shown[-1].call.call_id) if len(found) > wanted.limit else None
    return Done(answer=shapes.Calls([_call(one) for one in shown], more))


def call(reach: Reach, given: Given, _site: Site) -> Done:
    """GET /calls/CALL"""
    seen = reach.call(given.path["call"])
    facts = {name: getattr(_call(seen), name) for name in shapes.Call.__struct_fields__}
    return Done(answer=shapes.CallWhole(**facts, charged=seen.charged, blocked=seen.blocked))


def messages(reach: Reach, given: Given, _site: Site) -> Done:
    """GET /messages"""
    wanted: shapes.MessagesWanted = given.query
    span = Span(since=wanted.since, until=wanted.until)
    found = reach.messages(wanted.client, span, wanted.call, at_call(wanted.cursor), wanted.limit + 1)
    shown = found[: wanted.limit]
    more = cursor(shown[-1].sent_at, shown[-1].call.call_id) if len(found) > wanted.limit else None
    return Done(answer=shapes.Messages([_message(one) for one in shown], more))


def write(reach: Reach, given: Given, _site: Site) -> Done:
    """POST /calls/CALL/message"""
    written: shapes.MessageWritten = given.body
    draft, again = reach.write_message(given.path["call"], written.fields, given.once, given.at, gaps=written.gaps)
    answer = shapes.MessageSent(draft.call_id, draft.state.value, draft.version)
    return Done(answer=answer, again=again, desk_of=draft.secretary_id)


def _call(seen: CallSeen) -> shapes.Call:
    one = seen.call
    return shapes.Call(
        id=one.call_id,
        client=seen.client,
        arrived_at=one.arrived_at,
        answered_at=one.answered_at,
        handed_over_at=one.handed_over_at,
        ended_at=one.ended_at,
        caller=one.caller,
        caller_name=one.caller_name,
        outcome=one.outcome,
        secretary=one.secretary,
        transferred_to=one.transferred_to,
        talked=one.talked,
        has_recording=bool(one.recording),
        has_voice_message=bool(one.message),
        message_version=one.version,
        urgent=one.urgent,
        withheld=seen.withheld,  # type: ignore[arg-type]
    )


def _message(seen: MessageSeen) -> shapes.Message:
    return shapes.Message(
        call=seen.call.call_id,
        client=seen.client,
        version=seen.call.version,
        sent_at=seen.sent_at,
        urgent=seen.call.urgent,
        gist=seen.call.gist,
        words=[shapes.Word(label, value) for label, value in seen.words],
        deliveries=[
            shapes.Delivery(one.channel.value, one.address, one.status.value, one.at) for one in seen.deliveries
        ],
    )
