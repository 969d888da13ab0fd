"""The commands about tokens: the secret is printed once, a list never has it."""

import json
import re

from sqlalchemy import update
from terminal import Admin

from pbx_control.settings import Home, load
from pbx_control.store import tokens
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.tables import webhook


def test_a_token_is_made_listed_and_revoked(office: Admin) -> None:
    scopes = "calls:read,messages:read"
    told = json.loads(office.does("token", "add", "CRM", "--scope", scopes, "--client", "andes", "--json"))
    assert (told["name"], told["token"][:4]) == ("crm", "pbx_")
    assert told["url"].endswith("/api/v1")
    assert "pbx_" in office.does("token", "add", "wall", "--scope", "calls:read", "--until", "2099-12-31")
    assert "pbx_" not in office.does("token", "list", "--json") + office.does("token", "list")
    rows = {one["name"]: one for one in office.reads("token", "list")}
    assert rows["crm"]["scopes"] == ["calls:read", "messages:read"]
    assert re.search("crm +andes +calls:read, messages:read ", office.does("token", "list"))
    assert (rows["crm"]["client"], rows["wall"]["client"], rows["wall"]["used_at"]) == ("andes", "", None)
    assert office.does("token", "revoke", "crm") == "token crm revoked\n"
    assert [one["name"] for one in office.reads("token", "list")] == ["wall"]
    assert "token revoked" in office.does("audit", "list")


def test_an_end_that_has_passed_is_named(office: Admin) -> None:
    add = ("token", "add", "crm", "--scope", "calls:read", "--until")
    assert office.is_refused(*add, "2020-01-31") == "--until '2020-01-31' has passed: give a later time"
    spanish = office.is_refused("--lang", "es", *add, "31/01/2020")
    assert spanish == "--until '31/01/2020' ya pasó: dé una hora posterior"
    for words in (("today", "closed", "andes"), ("contact", "away", "andes", "Rosa")):
        assert office.is_refused(*words, "--until", "2020-01-31").startswith("--until '2020-01-31' has passed")


def made_by(office: Admin, name: str, *webhooks: int) -> None:
    """Notes that these webhooks were made with that token."""
    home = Home(office.home)
    engine = open_engine(home, load(home))
    with writing(engine) as conn:
        token_id = tokens.find(conn, name).id
        conn.execute(update(webhook).where(webhook.c.id.in_(webhooks)).values(token_id=token_id))
    engine.dispose()


def test_revoking_a_token_tells_which_webhooks_end_with_it(office: Admin) -> None:
    office.does("token", "add", "crm", "--scope", "webhooks:write", "--client", "andes")
    for _ in range(3):
        office.does("webhook", "add", "--client", "andes", "--url", "https://crm.example/calls")
    made_by(office, "crm", 1, 3)
    assert {one["id"]: one["token"] for one in office.reads("webhook", "list")} == {1: "crm", 2: "", 3: "crm"}
    told = office.does("token", "revoke", "crm")
    assert told.splitlines() == ["token crm revoked", "webhooks that were made with it, removed: 1, 3"]
    assert [one["id"] for one in office.reads("webhook", "list")] == [2]
    assert office.does("audit", "list").count("webhook removed") == 2
