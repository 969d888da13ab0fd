"""Who is told again of an urgent message, when, and when that ends."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.notices.messages import Channel, Letter, Recipient
from pbx_control.domain.notices.urgency import (
    GiveUp,
    Patience,
    Tell,
    Unseen,
    Wait,
    letter_of,
    next_step,
    token_of,
)
from pbx_control.domain.notices.urgent_letters import as_urgent, told_again

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
FIVE = timedelta(minutes=5)
PEOPLE = [Recipient(Channel.EMAIL, f"{name}@andes.example") for name in "abcde"]
PATIENCE = Patience(FIVE, 2)


def told(
    people: list[Recipient],
    patience: Patience = PATIENCE,
    fails: Callable[[datetime], set[Recipient]] = lambda at: set(),
    step: timedelta = FIVE,
) -> tuple[list[tuple[datetime, Recipient]], datetime]:
    """Who is told when, looking every `step`, and when it is given up."""
    unseen, at, done = Unseen(AT), AT, list[tuple[datetime, Recipient]]()
    for _ in range(10_000):
        match next_step(unseen, people, fails(at), patience, at):
            case GiveUp():
                return done, at
            case Tell(who, round_):
                done.append((at, who))
                unseen = Unseen(at, who, {**unseen.told, who: round_})
            case Wait(until):
                assert until > at
                at += step
    raise AssertionError("it never ends")


def test_one_after_the_other_is_told_again_in_the_clients_order() -> None:
    done, end = told(PEOPLE[:2])
    a, b = PEOPLE[:2]
    assert done == [(AT + FIVE, a), (AT + 2 * FIVE, b), (AT + 3 * FIVE, a), (AT + 4 * FIVE, b)]
    assert end == AT + 5 * FIVE


def test_nobody_is_told_again_where_the_client_wants_that() -> None:
    assert told(PEOPLE, Patience(FIVE, 0)) == ([], AT + FIVE)


def test_without_anybody_to_tell_it_is_given_up_at_once() -> None:
    assert told([]) == ([], AT)
    assert told(PEOPLE, fails=lambda at: set(PEOPLE)) == ([], AT)


def test_whose_address_fails_is_passed_over_at_once() -> None:
    a, b, c = PEOPLE[:3]
    soon = AT + FIVE + timedelta(seconds=7)
    unseen = Unseen(AT + FIVE, a, {a: 1})
    assert next_step(unseen, [a, b, c], set(), PATIENCE, soon) == Wait(AT + 2 * FIVE)
    assert next_step(unseen, [a, b, c], {a}, PATIENCE, soon) == Tell(b, 1)
    assert next_step(unseen, [a, b, c], {a, b}, PATIENCE, soon) == Tell(c, 1)
    assert next_step(unseen, [b, c], set(), PATIENCE, soon) == Tell(b, 1)  # taken off the list
    # It went to all of them: one who fails is no reason to hurry.
    assert next_step(Unseen(AT), [a, b], {a}, PATIENCE, soon - FIVE) == Wait(AT + FIVE)


def test_who_came_onto_the_list_takes_part_in_the_round_that_runs() -> None:
    a, b, c = PEOPLE[:3]
    unseen = Unseen(AT, b, {a: 2, b: 2})
    assert next_step(unseen, [a, b, c], set(), PATIENCE, AT + FIVE) == Tell(c, 2)
    assert next_step(Unseen(AT, c, {a: 2, b: 2, c: 2}), [a, b, c], set(), PATIENCE, AT + FIVE) == GiveUp()


@given(
    count=st.integers(0, 5),
    rounds=st.integers(0, 4),
    minutes=st.integers(1, 60),
    look=st.integers(1, 90),
    dead=st.sets(st.integers(0, 4)),
    dies_after=st.dictionaries(st.integers(0, 4), st.integers(0, 600)),
)
def test_the_rule(count: int, rounds: int, minutes: int, look: int, dead: set[int], dies_after: dict[int, int]) -> None:
    people, patience = PEOPLE[:count], Patience(timedelta(minutes=minutes), rounds)

    def fails(at: datetime) -> set[Recipient]:
        gone = {one for one, after in dies_after.items() if at >= AT + timedelta(minutes=after)}
        return {PEOPLE[one] for one in dead | gone}

    done, end = told(people, patience, fails, timedelta(minutes=look))
    well = [one for one in people if one not in fails(end)]
    for one in people:
        times = [at for at, who in done if who == one]
        assert len(times) <= rounds
        assert all(one not in fails(at) for at in times)
        if one in well:
            assert len(times) == rounds
    for (before, who), (after, _) in pairwise(done):
        assert after - before >= patience.interval or who in fails(after)
    # Nobody is told for the third time while another who can be reached was told once.
    for number, (at, _) in enumerate(done):
        counts = [sum(who == one for _, who in done[: number + 1]) for one in people if one not in fails(at)]
        assert not counts or max(counts) - min(counts) <= 1
    if well and rounds:
        assert end - done[-1][0] >= patience.interval or done[-1][1] in fails(end)


@given(st.text(), st.text())
def test_a_link_is_good_for_its_letter_alone(key: str, other: str) -> None:
    token = token_of("key", "call.abc")
    assert letter_of("key", token) == "call.abc"
    assert letter_of(key, token) == ("call.abc" if key == "key" else "")
    assert letter_of("key", other) == ""
    assert letter_of("key", token.replace("abc", "abd")) == ""
    assert letter_of("", token_of("", "call.abc")) == ""


LETTER = Letter(
    channel=Channel.EMAIL,
    address="a@andes.example",
    message_id="call.1",
    subject="Andes: mensaje",
    text="Hola\n",
    html='<html><body class="x"><p>Hola</p></body></html>',
    attachment="2026/x.wav",
    language="es",
    written_at=AT,
    call_id="c1",
    client_id=1,
)


def test_a_mail_has_the_link_above_everything_and_a_chat_has_none() -> None:
    letter = as_urgent(LETTER, "https://x.example/seen/<t>", "es")
    assert letter.subject == "Urgente: Andes: mensaje"
    assert letter.text.index("https://x.example/seen/<t>") < letter.text.index("Hola")
    assert letter.html.index("https://x.example/seen/&lt;t&gt;") < letter.html.index("Hola")
    chat = replace(LETTER, channel=Channel.TELEGRAM, html="", text="x" * 4090, attachment="")
    told = as_urgent(chat, "https://x.example/seen/t", "es", again=True)
    assert "/seen/" not in told.text
    assert len(told.text) <= 4096
    assert told.text.startswith("🚨 Urgente.")


@pytest.mark.parametrize("answers", ["", "call.1"])
def test_what_tells_again_has_an_id_of_its_own_and_its_file_once(answers: str) -> None:
    ids = {told_again(LETTER, number, answers).message_id for number in (0, 1, 1, 2)}
    assert len(ids) == 3
    assert told_again(LETTER, 1, answers).attachment == ("" if answers else LETTER.attachment)
