"""What the command line adds to an error: what to do about it, with names of commands and options."""

from collections.abc import Mapping, Sequence

import click

from pbx_control.catalogue import N_, counted
from pbx_control.domain.office import Lack
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import Code, Field, Fields, PbxError

ADVICE: Mapping[Code, str] = {
    Code.NO_SUCH_CALL: N_("`pbx-control call list` shows them"),
    Code.NO_SUCH_RECORDING: N_("`pbx-control recording list` shows them"),
    Code.NO_SUCH_CLIENT: N_("`client list` shows all"),
    Code.NO_SUCH_SECRETARY: N_("`secretary list` shows all"),
    Code.NO_SUCH_TRUNK: N_("`trunk list` shows all"),
    Code.NO_SUCH_USER: N_("`user list` shows all"),
    Code.NO_SUCH_TOKEN: N_("`token list` shows all"),
    Code.NO_SUCH_WEBHOOK: N_("`webhook list` shows all"),
    Code.TOO_MANY_WEBHOOKS: N_("remove one first: `webhook list` shows all"),
    Code.NO_SUCH_PLAN: N_("`plan list` shows all"),
    Code.NO_SUCH_MESSAGE: N_("`pbx-control message list` shows them"),
    Code.NO_SUCH_NODE: N_("`pbx-control node list` shows them"),
    Code.NO_SUCH_INVOICE: N_("`pbx-control invoice list` shows them"),
    Code.NO_SUCH_ORDER: N_("`order list --all` shows them"),
    Code.NO_SUCH_INCIDENT: N_("`incident list` shows them"),
    Code.NO_SUCH_SUBPROCESSOR: N_("`subprocessor list` shows them"),
    Code.NO_SUCH_APPOINTMENT: N_("`appointment list` shows them"),
    Code.APPOINTMENTS_TO_COME: N_("`appointment list` shows them, `appointment cancel` each first"),
    Code.NO_SUCH_ENTRY: N_("`ledger show CLIENT` lists them"),
    Code.NO_EARLIER_GREETING: N_("`greeting history` shows all"),
    Code.NO_EARLIER_PROTOCOL: N_("`protocol history` shows all"),
    Code.NO_SUCH_INFO: N_("`info list` shows all"),
    Code.NOT_OUR_NUMBER: N_("`did add` it first"),
    Code.NUMBER_RESTS: N_("--resting assigns it all the same"),
    Code.CONTACTS_NUMBER: N_("`contact remove` it first"),
    Code.CONTACT_ON_CALL: N_("`rota set` the others, or `rota clear` it"),
    Code.NO_SUCH_SWAP: N_("`rota show` lists them"),
    Code.NUMBER_WITHOUT_PRICE: N_(
        "make a plan that has one with `plan set NAME --did {country}=PRICE` and assign it, or release the number"
    ),
    Code.TRUNK_HAS_NUMBERS: counted("`did remove` it first", "`did remove` them first", by="count"),
    Code.ONLY_TRUNK: counted(
        "add another or `did remove` it first", "add another or `did remove` them first", by="count"
    ),
    Code.CA_WITHOUT_TLS: N_("`--ca system` takes it away"),
    Code.NOTHING_TO_CHANGE: N_("name an option: --help lists them"),
    Code.CLIENT_CANCELLED: N_("`client resume {slug}` it first"),
    Code.CLIENT_NOT_READY: N_("first do {commands}"),
    Code.NOT_PAID: N_("`client paid {slug}` comes first"),
    Code.PAID_ALREADY: N_("`client list --onboarding` shows what it waits for"),
    Code.NOT_WELCOMED: N_("`client welcomed {slug}` comes first"),
    Code.NOT_MARKED: N_("`caller marks` shows who is"),
    Code.NO_PLAN: N_("`plan assign {slug} PLAN` gives it one"),
    Code.PLAN_RETIRED: N_("`plan list` shows those on offer"),
    Code.PLAN_IN_USE: N_("`plan retire {name}` and set another name for the new ones"),
    Code.PLAN_WITHOUT_RECORDING: N_("assign one that has it, or leave --recording out"),
    Code.TOO_DEAR: counted("give a --price", "sell fewer, or give a --price", by="calls"),
    Code.BUYER_INCOMPLETE: N_(
        "`pbx-control client set {slug} {first} …` completes it, "
        "`client set {slug} --invoice-as boleta` asks for boletas instead"
    ),
    Code.FACTURA_INCOMPLETE: N_("give what lacks, or --invoice-as boleta"),
    Code.NOT_A_CHARGE: N_("`ledger show CLIENT` tells which are"),
    Code.REVERSED_ALREADY: N_("`ledger show` has the counter-entry"),
    Code.NOT_CHARGED: N_("`call show` tells its story"),
    Code.DISPUTED_ALREADY: N_("`ledger disputes` shows all"),
    Code.NOT_DISPUTED: N_("`ledger disputes` shows them"),
    Code.TEXT_TOO_LONG: N_("shorten it or use --audio"),
    Code.HELD_ALREADY: N_("`recording release` ends that"),
    Code.NOT_HELD: N_("`recording list` shows which are"),
    Code.CALL_IS_HELD: N_("release it, or leave it as it is with --keep-held"),
    Code.FILE_IS_THERE: N_("name another with -o, or replace it with --force"),
    Code.RESTRICTED_ALREADY: N_("`caller unblock` ends that"),
    Code.NOT_RESTRICTED: N_("`caller find NUMBER` shows what there is"),
    Code.NO_SUCH_REQUEST: N_("`request list` shows them"),
    Code.RESTORE_UNFINISHED: N_("run `pbx-control restore`, without a file, to finish it"),
    Code.NOT_ON_DESK: N_("`message list --open` shows on whose it is"),
    Code.PAUSED_BY_ADMIN: N_("`secretary resume` does it"),
    Code.NO_SUCH_FIELD: N_("`protocol show CLIENT` lists them"),
    Code.VALUE_TOO_LONG: N_("shorten it"),
    Code.MESSAGE_INCOMPLETE: N_("fill in what is missing"),
    Code.TOO_MANY_CORRECTIONS: N_("telephone the client"),
    Code.TOO_MANY_INFOS: N_("write into the message what the caller wants"),
    Code.MESSAGE_WAITS: N_("wait, or give it up with --drop-waiting"),
    Code.TOO_MANY_FILES: N_("make it without --recordings"),
    Code.NO_SETTINGS: N_("run `pbx-control setup` first, or name the home with --home"),
    Code.FOREIGN_HOME: N_("runuser -u {user} -- pbx-control …"),
    Code.SCHEMA_IS_OLD: N_("run `pbx-control setup`, which brings it up to date"),
    Code.DATABASE_DAMAGED: N_("`pbx-control restore`"),
    Code.NO_PUBLIC_URL: N_("set public_url in [web] of pbx.toml"),
    Code.NO_DAEMON: N_("pbx-control run"),
    Code.DAEMON_RUNS: N_("see `pbx-control status`"),
    Code.NOT_CONFIGURED: N_("run `pbx-control setup`"),
    Code.ASTERISK_RUNS: N_("stop it first with `pbx-control asterisk stop`"),
    Code.ASTERISK_STOPPED: N_("start it with `pbx-control asterisk start`"),
    Code.SWITCH_SILENT: N_("see `pbx-control asterisk status`"),
    Code.NO_SUBORDINATE_IDS: N_("as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"),
}

# What gives a client what it lacks.
GIVES: Mapping[Lack, str] = {
    Lack.NUMBER: N_("`did assign NUMBER {slug}`"),
    # It rests, for everybody but its own callers.
    Lack.FORMER_NUMBER: N_("`did assign NUMBER {slug} --resting`"),
    Lack.HOURS: N_("`hours set {slug} HOURS`"),
    Lack.GREETING: N_("`greeting set {slug} TEXT`"),
    Lack.SECRETARY: N_("`secretary add NAME --clients {slug}`"),
    Lack.RECIPIENT: N_("`recipient add {slug} --email ADDRESS`"),
    Lack.ACTIVITY: N_("`client resume {slug}`"),
    Lack.PLAN: N_("`plan assign {slug} PLAN`"),
}


def advised(error: PbxError, command: click.Command | None = None) -> Sentence:
    """What an error says, and what to do about it; its fields are called as that command calls them."""
    values = {name: _named(value, command) for name, value in error.values.items()}
    said = Sentence(error.template, **values)
    # Who is told what is called nearly so needs no list.
    if error.code not in ADVICE or "near" in error.values:
        return said
    if error.code is Code.CLIENT_NOT_READY:
        values["commands"] = giving(**error.values)
    return Sentence("{what}: {advice}", what=said, advice=Sentence(ADVICE[error.code], **values))


def giving(slug: str, lacking: Sequence[Lack]) -> Sentence:
    """The commands that give a client what it lacks."""
    commands = {one.name: Sentence(GIVES[one], slug=slug) for one in lacking}
    return Sentence(", ".join(f"{{{name}}}" for name in commands), **commands)


def _named(value: object, command: click.Command | None) -> object:
    if isinstance(value, Field):
        return _as_typed(value, command)
    if isinstance(value, Fields):
        return Fields(_as_typed(one, command) for one in value)
    return value


def _as_typed(field: Field, command: click.Command | None) -> Field:
    """The command's option or argument of that name; what stands for an argument is a word, as in the help."""
    for parameter in command.params if command else ():
        if parameter.name == field:
            return Field(
                max(parameter.opts, key=len) if isinstance(parameter, click.Option) else parameter.human_readable_name
            )
    return Field(f"--{field.replace('_', '-')}")
