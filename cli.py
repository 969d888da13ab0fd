"""Entry point of `pbx-control`: the tree of commands, nothing else."""

import atexit
import gc

# A command is over before its garbage would matter: imports go without the collector, and so does its end.
collecting = gc.isenabled()
gc.disable()
atexit.register(gc.freeze)

from pbx_control.admin.door import Late, Tree  # noqa: E402

if collecting:
    gc.enable()

# Where each is, and how its help begins: `--help` imports none of them.
COMMANDS = {
    "setup": Late(
        "pbx_control.admin.home:setup",
        "Makes the home: folders, settings with random secrets, database, prompts, Asterisk's configuration.",
    ),
    "run": Late("pbx_control.daemon:run", "Run the daemon in the foreground, until Ctrl-C or SIGTERM."),
    "web": Late(
        "pbx_control.webserver:web",
        "Serve the pages in the foreground, until Ctrl-C or SIGTERM: [web] in pbx.toml says where.",
    ),
    "mirror": Late(
        "pbx_control.mirrors:mirror",
        "Keep clients' calendars at Google and on CalDAV servers in step, until Ctrl-C or SIGTERM.",
    ),
    "status": Late(
        "pbx_control.admin.home:status",
        "Whether calls are taken: daemon, Asterisk, database. Exit status 0 when the daemon is ready.",
    ),
    "doctor": Late(
        "pbx_control.admin.doctor:doctor",
        "What is wrong here and how to mend it: settings, database, sounds, Asterisk, daemon, disk, mail.",
    ),
    "demo": Late(
        "pbx_control.demo.command:demo",
        "Real calls through a real Asterisk: answered, closed, missed, and with the daemon killed.",
    ),
    "asterisk": Late("pbx_control.admin.asterisk:asterisk", "The telephone switch of this installation."),
    "trunk": Late("pbx_control.admin.trunk:trunk", "The carriers that bring the calls."),
    "did": Late("pbx_control.admin.did:did", "The numbers that can be dialled, and whose they are."),
    "client": Late("pbx_control.admin.client:client", "The firms that are answered for."),
    "hours": Late("pbx_control.admin.hours:hours", "When a client is answered for."),
    "today": Late(
        "pbx_control.admin.today:today",
        "What clients say for today: closed, open, or what callers hear first. Then the usual holds again by itself.",
    ),
    "holiday": Late(
        "pbx_control.admin.holiday:holiday",
        "The days on which clients are closed: Chile's public holidays, and your own changes to them.",
    ),
    "greeting": Late("pbx_control.admin.greeting:greeting", "What secretaries say when they answer for a client."),
    "protocol": Late(
        "pbx_control.admin.protocol:protocol",
        "What secretaries ask a client's callers, and what they may tell them.",
    ),
    "info": Late(
        "pbx_control.admin.info:info",
        "A client's ready-made texts, which its secretaries send to callers who ask: address, bank details …",
    ),
    "announcement": Late(
        "pbx_control.admin.announcement:announcement", "What a client's callers hear from the switch."
    ),
    "secretary": Late(
        "pbx_control.admin.secretary:secretary", "The people who answer, and their telephones' accounts."
    ),
    "user": Late("pbx_control.admin.user:user", "The people who sign in to the pages, with a name and a password."),
    "token": Late(
        "pbx_control.admin.token:token",
        "The tokens by which programs use the API: of the office, or of one client alone.",
    ),
    "webhook": Late(
        "pbx_control.admin.webhook:webhook",
        "Where programs are told what happens in calls, signed by the Standard Webhooks convention.",
    ),
    "contact": Late(
        "pbx_control.admin.contact:contact", "The people of a client's to whom its calls may be transferred."
    ),
    "staffing": Late(
        "pbx_control.admin.staffing:staffing",
        "How many secretaries each half hour needs for 80 % of the calls answered within 20 s, and how many are there.",
    ),
    "rota": Late("pbx_control.admin.rota:rota", "Who of a client's contacts is on call, and when."),
    "calendar": Late(
        "pbx_control.admin.calendar_remote:calendar",
        "The calendars of clients, into which secretaries book: hours, kinds of appointment, feed.",
    ),
    "appointment": Late(
        "pbx_control.admin.appointment:appointment",
        "Appointments in clients' calendars: which slots are free, who is booked; book, move, cancel.",
    ),
    "recipient": Late("pbx_control.admin.recipient:recipient", "Who gets a client's messages."),
    "plan": Late(
        "pbx_control.admin.plan:plan", "What clients may subscribe to: so many calls a month, for so many pesos."
    ),
    "bag": Late(
        "pbx_control.admin.bag:bag", "Packs of extra calls: used when the month's own are used up, and kept until then."
    ),
    "order": Late(
        "pbx_control.admin.order:order",
        "What clients order on their pages: bags and plans. Nothing changes until you confirm it.",
    ),
    "ledger": Late(
        "pbx_control.admin.ledger:ledger_",
        "What each client's calls were used for, entry by entry. Nothing in it is ever changed.",
    ),
    "audit": Late(
        "pbx_control.admin.audit:audit",
        "Who changed what, when and from where. Nothing in it is ever changed.",
    ),
    "call": Late("pbx_control.admin.call:call", "Calls: which there were, one call's whole story, what happens now."),
    "caller": Late(
        "pbx_control.admin.caller:caller",
        "Callers: what is known of one, a copy of it, blocking or erasing it; whose calls are tests or not answered.",
    ),
    "request": Late(
        "pbx_control.admin.request:request",
        "What callers ask for by their rights (Ley 21.719), each to be answered within 30 days.",
    ),
    "incident": Late(
        "pbx_control.admin.incident:incident",
        "Incidents with clients' data: what happened, and that the clients were told (Ley 21.719).",
    ),
    "subprocessor": Late(
        "pbx_control.admin.subprocessor:subprocessor",
        "Who else processes clients' data on our behalf: mail relay, carriers, others (Ley 21.719).",
    ),
    "recording": Late(
        "pbx_control.admin.recording:recording",
        "Recordings of calls and left messages: list them, fetch one, hold it, see what is deleted and why.",
    ),
    "invoice": Late(
        "pbx_control.admin.invoice:invoice",
        "Boletas, facturas and credit notes. The daemon issues what is due each night.",
    ),
    "dialplan": Late(
        "pbx_control.admin.dialplan:dialplan",
        "Asterisk's configuration, generated from what is provisioned; never edited by hand.",
    ),
    "message": Late(
        "pbx_control.admin.message:message",
        "Messages to the clients' recipients: list them, read them, send them again.",
    ),
    "mail": Late("pbx_control.admin.mail:mail", "The way of letters out of here, by the mail server in [mail]."),
    "job": Late("pbx_control.admin.job:job", "Calendar jobs: list them, run one by hand."),
    "node": Late("pbx_control.admin.node:node", "The daemons that share the database, each with a switch of its own."),
    "backup": Late(
        "pbx_control.admin.backup:backup",
        "Copies the database, the settings and the uploads into FILE, while all goes on.",
    ),
    "restore": Late(
        "pbx_control.admin.backup:restore",
        "Puts the database, settings and uploads of a backup in the place of the home's.",
    ),
}

main = Tree(COMMANDS)

if __name__ == "__main__":
    main()
