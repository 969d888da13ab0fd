"""The lines that read otherwise when they tell of one: which place counts, and the line for one.

Spanish and English have the same two forms; the Spanish of both stands in spanish.py, as that of any line.
"""

from typing import NamedTuple


class One(NamedTuple):
    """Where `count`, one of the line's places, is 1, `template` is said instead."""

    count: str  # type: ignore[assignment]  # a tuple has a method of that name
    template: str


ONE: dict[str, One] = {
    "{slug} has the plan {name}: {left} calls are left": One("left", "{slug} has the plan {name}: {left} call is left"),
    "{left} calls of the bag are left": One("left", "{left} call of the bag is left"),
    "{slug} has {calls} calls more, for {price} net; left altogether: {left}": One(
        "calls", "{slug} has {calls} call more, for {price} net; left altogether: {left}"
    ),
    "{calls} calls would cost {cost}, more than an invoice may say: sell fewer, or give a --price": One(
        "calls", "{calls} call would cost {cost}, more than an invoice may say: give a --price"
    ),
    "Asterisk {version} ({runtime}, process {pid}) has run for {time} and has {channels} channels": One(
        "channels", "Asterisk {version} ({runtime}, process {pid}) has run for {time} and has {channels} channel"
    ),
    (
        "the plan {plan} has room for {limit} contacts and the client has {count}: remove one, or assign a larger plan"
    ): One(
        "limit",
        "the plan {plan} has room for {limit} contact and the client has {count}: remove one, or assign a larger plan",
    ),
    "soon late: {minutes} min left": One("minutes", "soon late: a minute left"),
    "{minutes} min left": One("minutes", "a minute left"),
    "{name} is the only trunk, and {count} numbers come in by any: add another or `did remove` them first": One(
        "count", "{name} is the only trunk, and {count} number comes in by any: add another or `did remove` it first"
    ),
    "{count} numbers come in by the trunk {name}: `did remove` them first": One(
        "count", "{count} number comes in by the trunk {name}: `did remove` it first"
    ),
    "{looked} files looked at, {deleted} deleted": One("looked", "{looked} file looked at, {deleted} deleted"),
    "{count} files could not be deleted: see to their rights, or to links": One(
        "count", "{count} file could not be deleted: see to its rights, or to links"
    ),
    "erase {count} calls' recordings, and number and name of {number}, for ever?": One(
        "count", "erase {count} call's recordings, and number and name of {number}, for ever?"
    ),
    "{count} facts are not as they should be ({seconds} s)": One(
        "count", "{count} fact is not as it should be ({seconds} s)"
    ),
    "{count} sounds are missing: run `pbx-control setup`": One(
        "count", "{count} sound is missing: run `pbx-control setup`"
    ),
    "the reports of missed calls of {clients} could not be made: the log says why; {sent} others were sent": One(
        "sent", "the reports of missed calls of {clients} could not be made: the log says why; {sent} other was sent"
    ),
    "{file}: {count} files, {size}": One("count", "{file}: {count} file, {size}"),
    "{count} files were left out: gone meanwhile, or links": One(
        "count", "{count} file was left out: gone meanwhile, or a link"
    ),
    "{count} others are connected to the database: stop every daemon and program that uses it first": One(
        "count", "{count} other is connected to the database: stop every daemon and program that uses it first"
    ),
}
