"""What the daemon counts of refusals: which numbers of a source it keeps, and that a scan fills no table."""

from typing import Any
from unittest.mock import Mock

import pytest

from pbx_control.live.telephones import MOST_NUMBERS, Telephones


@pytest.fixture
def told() -> Telephones:
    return Telephones(Mock(), Mock(), Mock(), Mock(), Mock(), Mock(), Mock(), Mock())


def refuse(told: Telephones, number: str, source: str = "192.0.2.1", reason: str = "unknown-number") -> None:
    event: dict[str, Any] = {"UserEvent": "Refused", "Reason": reason, "Source": f"{source}:5060", "Number": number}
    told._happened("UserEvent", event)


def test_a_refusal_is_counted_by_the_number_that_was_asked_for(told: Telephones) -> None:
    for number in ("225550101", "225550101", "133"):
        refuse(told, number)
    counted = {(source, reason, number): times for (source, _, reason, number), times in told._refused.items()}
    assert counted == {
        ("192.0.2.1", "unknown-number", "225550101"): 2,
        ("192.0.2.1", "unknown-number", "133"): 1,
    }


def test_of_a_source_that_tries_all_numbers_only_some_are_kept(told: Telephones) -> None:
    for number in range(500):
        refuse(told, str(number))
    refuse(told, "499", source="192.0.2.9")
    assert len(told._refused) == MOST_NUMBERS + 2
    assert sum(told._refused.values()) == 501
    told._refused.clear()
    refuse(told, "499")  # the hour is the same
    assert [number for _, _, _, number in told._refused] == [""]
