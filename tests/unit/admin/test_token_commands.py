"""The commands about tokens: the secret is printed once, a list never has it."""

import json
import re

from terminal import Admin


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
    office.does("token", "revoke", "crm")
    assert [one["name"] for one in office.reads("token", "list")] == ["wall"]
    assert "token revoked" in office.does("audit", "list")


def test_an_end_that_has_passed_is_named(office: Admin) -> None:
    add = ("token", "add", "crm", "--scope", "calls:read", "--until")
    assert office.is_refused(*add, "2020-01-31") == "--until '2020-01-31' has passed: give a later time"
    spanish = office.is_refused("--lang", "es", *add, "31/01/2020")
    assert spanish == "--until '31/01/2020' ya pasó: dé una hora posterior"
    for words in (("today", "closed", "andes"), ("contact", "away", "andes", "Rosa")):
        assert office.is_refused(*words, "--until", "2020-01-31").startswith("--until '2020-01-31' has passed")
