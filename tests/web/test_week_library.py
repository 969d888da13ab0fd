"""The scripts of others lie in the package as they were published or made, with their licences, and no more of them."""

from hashlib import sha256
from pathlib import Path

import pbx_control.web

VENDOR = Path(pbx_control.web.__file__).parent / "static" / "vendor"
DECISIONS = Path(__file__).parents[2] / "docs" / "decisions" / "0001-packages.md"
# @event-calendar/build 5.10.1, files of package/dist.
TAKEN = {
    "event-calendar.min.css": "14abac982c42d2cdd42721fedc4a95d4f9e2f4d03e78bd4b167c2e803f870c73",
    "event-calendar.min.js": "dd9806e839c10232b8f740ef59899c853b4ca2653719f858206c16c76c2a80f6",
}
# jssip 3.13.8, made into one file for browsers as the decisions tell.
MADE = {"jssip.min.js": "80a3a821b5005aef08d766b373986bcefec8fe3a9549611645c8f3ef40e08234"}


def test_it_is_what_was_published() -> None:
    files = [one for one in VENDOR.iterdir() if one.suffix in (".css", ".js")]
    assert {one.name: sha256(one.read_bytes()).hexdigest() for one in files} == TAKEN | MADE


def test_each_file_has_its_licence_and_its_version_in_the_decisions() -> None:
    licence = (VENDOR / "event-calendar.LICENSE.txt").read_text()
    decisions = DECISIONS.read_text()
    version = "@event-calendar/build 5.10.1"
    assert version in licence
    assert "v5.10.1" in (VENDOR / "event-calendar.min.js").read_text()[:100]
    assert "Permission is hereby granted" in licence
    assert version in decisions
    for name, hashed in TAKEN.items():
        assert name in licence
        assert hashed in decisions


def test_the_one_that_was_made_has_the_licences_of_all_that_is_in_it() -> None:
    licence, decisions = (VENDOR / "jssip.LICENSE.txt").read_text(), DECISIONS.read_text()
    for name, hashed in MADE.items():
        assert name in licence
        assert hashed in decisions
    for package in ("jssip 3.13.8", "debug 4.4.3", "ms 2.1.3", "events 3.3.0", "sdp-transform 2.15.0"):
        assert package in licence
        assert package in decisions
    assert licence.lower().count("permission is hereby granted") == 5
