"""Telegram by a stand-in that follows the Bot API: what is sent, and what is made of each refusal."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from post_office import SOUND

from pbx_control.domain.notices.messages import Channel
from pbx_control.domain.notices.phrases import PHRASES
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.files import write_below
from pbx_control.notify.telegram import Telegrammer
from pbx_control.settings import Telegram
from pbx_control.world.telegram import Refusal

TEXT = "🎙 Clínica Andes: mensaje de voz de <b>María</b> & _Ñandú_\n\nwww.evil.example"


@pytest.fixture
def letter(letter):
    return replace(letter, channel=Channel.TELEGRAM, address="4711", text=TEXT, html="")


async def test_text_arrives_as_it_is_without_preview(telegram_server, telegrammer, letter):
    await telegrammer.send(letter)
    [sent] = telegram_server.sent
    assert (sent.method, sent.fields["chat_id"], sent.fields["text"]) == ("sendMessage", "4711", TEXT)
    assert "parse_mode" not in sent.fields
    assert sent.fields["link_preview_options"] == '{"is_disabled": true}'


async def test_left_message_is_a_voice_note_under_its_text(telegram_server, telegrammer, letter):
    await telegrammer.send(replace(letter, attachment=SOUND))
    [sent] = telegram_server.sent
    assert (sent.method, sent.fields["caption"]) == ("sendVoice", TEXT)


async def test_who_takes_no_voice_notes_gets_a_file(telegram_server, telegrammer, home, letter):
    telegram_server.voices_forbidden = True
    await telegrammer.send(replace(letter, attachment=SOUND))
    [sent] = telegram_server.sent
    assert (sent.method, sent.fields["caption"]) == ("sendDocument", TEXT)
    assert sent.files["document"] == (home.recordings / SOUND).read_bytes()


async def test_broken_sound_goes_as_a_file(telegram_server, telegrammer, home, letter):
    (home.recordings / SOUND).write_bytes(b"no sound")
    await telegrammer.send(replace(letter, attachment=SOUND))
    assert [sent.method for sent in telegram_server.sent] == ["sendDocument"]


async def test_letter_goes_without_a_sound_that_is_gone(telegram_server, telegrammer, letter):
    await telegrammer.send(replace(letter, attachment="2026/absent.wav"))
    assert [sent.method for sent in telegram_server.sent] == ["sendMessage"]


async def test_letter_does_not_say_that_a_sound_that_is_gone_is_attached(telegram_server, telegrammer, letter):
    text = f"Dejó un mensaje.\n\n{PHRASES['es'].attached}\n"
    await telegrammer.send(replace(letter, text=text, attachment="2026/absent.wav"))
    assert PHRASES["es"].sound_gone in telegram_server.sent[0].fields["text"]
    assert PHRASES["es"].attached not in telegram_server.sent[0].fields["text"]


async def test_document_is_sent_under_its_own_name(telegram_server, telegrammer, home, letter):
    write_below(home.documents, "invoices/boleta-12.pdf", b"%PDF-1.7")
    await telegrammer.send(replace(letter, attachment="documents/invoices/boleta-12.pdf"))
    [sent] = telegram_server.sent
    assert (sent.method, sent.fields["caption"]) == ("sendDocument", TEXT)
    assert (sent.files, sent.names) == ({"document": b"%PDF-1.7"}, {"document": "boleta-12.pdf"})


async def test_overlong_text_is_cut_to_what_telegram_takes(telegram_server, telegrammer, letter):
    await telegrammer.send(replace(letter, text="🎙" * 5000))
    await telegrammer.send(replace(letter, text="🎙" * 5000, attachment=SOUND))
    assert [len(sent.fields.get("text", sent.fields.get("caption"))) for sent in telegram_server.sent] == [2048, 512]


async def test_group_that_became_a_supergroup_has_a_new_address(telegram_server, telegrammer, letter):
    telegram_server.migrated["-42"] = -1001234567890
    with pytest.raises(DeliveryFailed) as failed:
        await telegrammer.send(replace(letter, address="-42"))
    assert (failed.value.fault, failed.value.moved_to) == (Fault.MOVED, "-1001234567890")


async def test_pause_that_telegram_asks_for_is_told(telegram_server, telegrammer, letter):
    telegram_server.refusals = [Refusal(429, "Too Many Requests: retry after 7", retry_after=7)]
    with pytest.raises(DeliveryFailed) as failed:
        await telegrammer.send(letter)
    assert (failed.value.fault, failed.value.retry_after) == (Fault.PAUSE, timedelta(seconds=7))


@pytest.mark.parametrize(
    ("code", "description", "permanent"),
    [
        (403, "Forbidden: bot was blocked by the user", True),
        (403, "Forbidden: bot was kicked from the group chat", True),
        (400, "Bad Request: chat not found", True),
        (500, "Internal Server Error", False),
        (502, "Bad Gateway", False),
        (409, "Conflict: terminated by other getUpdates request", False),
        (413, "Request Entity Too Large", False),
    ],
)
async def test_refusal(telegram_server, telegrammer, letter, code, description, permanent):
    telegram_server.refusals = [Refusal(code, description)]
    with pytest.raises(DeliveryFailed) as failed:
        await telegrammer.send(letter)
    assert failed.value.permanent is permanent
    assert description.split(": ")[-1].lower() in str(failed.value).lower()


async def test_wrong_token_is_for_the_admin_to_mend_and_never_told(telegram_server, home, letter, caplog):
    caplog.set_level(logging.INFO)
    wrong = Telegrammer(Telegram(token="1:wrong-token", base_url=telegram_server.base_url), home)
    with pytest.raises(DeliveryFailed, match="does not know the bot") as failed:
        await wrong.send(letter)
    assert not failed.value.permanent
    assert "wrong-token" not in str(failed.value) + caplog.text
    await wrong.rest()


@pytest.mark.parametrize(
    ("code", "description", "fault"),
    [
        (413, "Request Entity Too Large", Fault.TOO_LARGE),
        (504, "Gateway Timeout", Fault.UNCONFIRMED),
        (502, "Bad Gateway", Fault.SERVER),
        (401, "Unauthorized", Fault.SERVER),
        (400, "Bad Request: chat not found", Fault.FINAL),
    ],
)
async def test_what_a_refusal_means(telegram_server, telegrammer, letter, code, description, fault):
    telegram_server.refusals = [Refusal(code, description)]
    with pytest.raises(DeliveryFailed) as failed:
        await telegrammer.send(letter)
    assert failed.value.fault is fault


async def test_answer_that_does_not_come_leaves_it_open_whether_the_letter_arrived(
    telegram_server, telegrammer, letter
):
    telegram_server.silent = 1
    with pytest.raises(DeliveryFailed) as failed:
        await telegrammer.send(letter)
    assert failed.value.fault is Fault.UNCONFIRMED
    assert len(telegram_server.sent) == 1


async def test_unreachable_telegram_is_tried_again(home, letter):
    nowhere = Telegrammer(Telegram(token="1:secret", base_url="http://127.0.0.1:1/bot"), home)
    with pytest.raises(DeliveryFailed) as failed:
        await nowhere.send(letter)
    assert failed.value.fault is Fault.SERVER
    assert "secret" not in str(failed.value)
    await nowhere.rest()


async def test_office_without_a_bot_keeps_the_letter(home, letter):
    with pytest.raises(DeliveryFailed, match="token") as failed:
        await Telegrammer(Telegram(), home).send(letter)
    assert not failed.value.permanent


async def test_sends_again_after_a_rest(telegram_server, telegrammer, letter):
    await telegrammer.send(letter)
    await telegrammer.rest()
    await telegrammer.send(letter)
    assert len(telegram_server.sent) == 2
