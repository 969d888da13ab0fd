"""Numbers as options and arguments take them; what is none is told in plain words, and what may be written."""

from typing import Any

import click

from pbx_control.admin.language import spoken


class WholeNumber(click.IntRange):
    """A whole number, between bounds if there are any."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int:
        """The number."""
        try:
            return super().convert(value, parameter, context)
        except click.BadParameter:
            self.fail(self.refusal(repr(str(value)[:40])), parameter, context)

    def refusal(self, value: str) -> str:
        """What is said of a value that is no such number."""
        if self.min is None:
            return spoken("{value} is no whole number: write it in figures").format(value=value)
        if self.max is None:
            return spoken("{value} is no whole number from {least} up: write it in figures").format(
                value=value, least=self.min
            )
        return spoken("{value} is no whole number from {least} to {most}: write it in figures").format(
            value=value, least=self.min, most=self.max
        )


class NumberOf(WholeNumber):
    """The number by which one of many things is known; `listed` is the command that shows them."""

    def __init__(self, listed: str) -> None:
        super().__init__(1, 2**31 - 1)
        self.listed = listed

    def refusal(self, value: str) -> str:
        """The same, with the command that shows them."""
        told = spoken("{value} is not the number of one: `pbx-control {command}` shows them")
        return told.format(value=value, command=self.listed)
