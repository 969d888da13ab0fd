"""The numbers in the commands' examples are some that the commands take."""

import re

import click
import pytest
from terminal import Admin

from cli import main
from pbx_control.domain.telephony.numbering import transfer_destination
from tests.texts import every_command

MOBILE = re.compile(r"\+569[0-9]{8}")
NUMBERS = {
    (" ".join(path), number)
    for path, command in every_command(main)
    for number in MOBILE.findall(click.Context(command).get_help())
}


@pytest.mark.parametrize(("command", "number"), sorted(NUMBERS))
def test_mobile_in_an_example_can_be_called(command: str, number: str) -> None:
    assert transfer_destination(number, "CL") == number


def test_price_of_a_further_number_is_told(office: Admin) -> None:
    assert "free while the client has no plan" in office.does("did", "assign", "+56225550102", "andes")
    terms = ["--calls", "10", "--extra-call", "450", "--contacts", "2", "--calendars", "1", "--price", "39000"]
    office.does("plan", "set", "caro", *terms, "--did", "CL=4000")
    office.does("plan", "set", "gratis", *terms, "--did", "CL=0")
    office.does("plan", "set", "sin", *terms)
    for plan, told in (
        ("caro", "by the plan caro it costs CLP 4,000 net a month"),
        ("gratis", "free by the plan gratis"),
        ("sin", "the plan sin has no price for one of CL"),
    ):
        office.does("client", "add", plan, "--name", plan)
        office.does("plan", "assign", plan, plan)
        office.does("did", "add", f"+5622666{len(plan)}001", f"+5622666{len(plan)}002")
        first = office.does("did", "assign", f"+5622666{len(plan)}001", plan)
        assert first == f"+5622666{len(plan)}001 is now a number of {plan}\n"
        assert told in office.does("did", "assign", f"+5622666{len(plan)}002", plan)
