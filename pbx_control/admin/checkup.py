"""What `doctor` looks at: each check tells what it found in one line, with what to do about it."""

import json
import os
import re
import smtplib
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pbx_control import clock, zones
from pbx_control.admin.advice import advised
from pbx_control.admin.door import Door
from pbx_control.admin.duties import told_by_daemon
from pbx_control.admin.home import daemon_state
from pbx_control.asterisk.reached import UNKNOWN, Reached, ask_kept_out, ask_switch
from pbx_control.asterisk.runtime import choose, rootfs, system
from pbx_control.asterisk.runtime.account import Account, asterisk_account
from pbx_control.asterisk.runtime.ports import Port, require_free
from pbx_control.catalogue import N_, counted
from pbx_control.disks import LITTLE_ROOM, SOME_ROOM, disks
from pbx_control.domain import checks
from pbx_control.domain.call.flow import MESSAGE_LIMIT
from pbx_control.domain.desk.duty import PausedBy
from pbx_control.domain.notices.messages import Channel
from pbx_control.domain.office import trunk_section
from pbx_control.domain.sounds import LANGUAGES, house_sounds, sounds_of
from pbx_control.domain.telephony.browser import MODULES
from pbx_control.domain.telephony.guessing import place_of
from pbx_control.domain.words.sentences import read_kept
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, PbxError, Word, reason
from pbx_control.jobs.run import Task
from pbx_control.live.directory import Directory
from pbx_control.media.prompts import missing
from pbx_control.settings import SYSTEM_CA, Mail, Web, keys
from pbx_control.store import (
    job_runs,
    letters,
    mailboxes,
    nodes,
    recipients,
    refusals,
    remotes,
    secretaries,
    trunks,
    webhooks,
)
from pbx_control.store.engine import reading
from pbx_control.store.migrate import is_current
from pbx_control.store.snapshot import read_clients, read_office

# A line of `pjsip show transports`: name and bound address.
TRANSPORT = re.compile(r"^Transport:\s+(transport-\w+)\s.*\s(\S+:\d+)\s*$", re.MULTILINE)
# Whose bind each setting is; transport-tcp's is that of udp.
TRANSPORTS = {"[sip] bind": "transport-udp", "[sip] tls_bind": "transport-tls"}
VERIFIES = re.compile(r"^\s*verify_server\s*:\s*Yes", re.MULTILINE | re.IGNORECASE)
# So many of several things are named in one line.
SHOWN = 5
# A look-up of our own name that takes longer stalls Asterisk at every call, seconds.
SLOW_NAME = 1.0
# So many wrong passwords of one address since then are no mistyping.
MANY_GUESSES, GUESSES_SINCE = 10, timedelta(days=1)
# How long the pages may take to answer, seconds.
PAGES_LIMIT = 5
# How long a mail server may take to answer, seconds.
MAIL_LIMIT = 5
# Bytes of a letter: for each second of sound (8 kHz, 16 bits, in base64), and for what stands around it.
SOUND_SECOND, LETTER_AROUND = 21_900, 20_000
LONGEST_LETTER = LETTER_AROUND + int(MESSAGE_LIMIT.total_seconds()) * SOUND_SECOND
# A letter that waits for longer shows that something is amiss.
LONG_WAIT = timedelta(minutes=15)
# A remote calendar is read each minute.
CALENDAR_WAIT = timedelta(minutes=10)
# So long nobody has settled what does not agree in it.
CLASH_WAIT = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: how bad it is ("ok", "warn", "bad") and an English template with its values."""

    level: str
    template: str
    values: dict[str, Any] = field(default_factory=dict)


def good(template: str, **values: Any) -> Finding:
    return Finding("ok", template, values)


def doubt(template: str, **values: Any) -> Finding:
    return Finding("warn", template, values)


def bad(template: str, **values: Any) -> Finding:
    return Finding("bad", template, values)


def unmade(error: PbxError) -> Finding:
    """Why a check cannot be made."""
    said = advised(error)
    return bad(said.template, **said.values)


def check_environment(_desk: Door) -> Iterator[Finding]:
    """Mistyped variables pass silently: name each PBX_ variable that stands for nothing, and what may be meant."""
    known = {"PBX_HOME"} | {f"PBX_{section}__{key}".upper() for section, key in keys()}
    unknown = sorted(name for name in os.environ if name.startswith("PBX_") and name.upper() not in known)
    for name in unknown:
        close = get_close_matches(name.upper(), known, 1)
        if close:
            yield doubt("the variable {name} means nothing: is {close} meant?", name=name, close=close[0])
        else:
            yield doubt("the variable {name} means nothing: remove it", name=name)
    if not unknown:
        yield good("no mistyped variable of the environment")


def check_settings(door: Door) -> Iterator[Finding]:
    """They can be read, make sense, and are nobody else's business."""
    settings, file = door.settings, door.home.settings_file
    if file.stat().st_mode & 0o077:
        yield doubt("{file} can be read by others: chmod 600 {file}", file=file)
    account = asterisk_account(door.home.asterisk)
    own_ca = settings.sip.ca_file if settings.sip.ca_file != SYSTEM_CA else ""
    for name in (settings.sip.certificate, settings.sip.key, own_ca):
        if name and not _readable(Path(name), account):
            yield bad("Asterisk (user {uid}) cannot read {file}: see [sip] in pbx.toml", uid=account.uid, file=name)
    yield good("the settings in {file} make sense", file=file)


def check_database(door: Door) -> Iterator[Finding]:
    """It answers, has the tables of this version, and nobody else hears what several daemons tell each other by it."""
    with reading(door.engine) as connection:
        current = is_current(connection)
        strangers = nodes.may_overhear(connection) if current else []
    if current:
        yield good("the database ({kind}) answers and is up to date", kind=door.engine.dialect.name)
    else:
        yield bad("the database is not up to date: run `pbx-control setup`")
    if strangers:
        yield doubt(
            "the roles {roles} may connect to the database: they hear who calls, and can do what a secretary's page "
            "can; REVOKE CONNECT ON DATABASE {database} FROM PUBLIC, and from each of them that was granted it",
            roles=", ".join(strangers),
            database=door.engine.url.database,
        )


def check_asterisk(door: Door) -> Iterator[Finding]:
    """It runs, is new enough, and answers; or else nothing stands in the way of starting it."""
    switch = choose(door.home, door.settings)
    status = switch.status()
    if status.answers and (status.version is None or system.new_enough(system.parse(f"Asterisk {status.version}"))):
        yield good("Asterisk {version} answers ({runtime})", version=status.version or "", runtime=status.runtime)
    elif status.answers:
        yield bad("Asterisk {version} is too old: 22.4, 21.9 or 20.14 is the oldest", version=status.version)
    elif status.running:
        yield bad("Asterisk runs but does not answer: pbx-control asterisk stop, then start")
    else:
        yield bad("Asterisk does not run: pbx-control asterisk start")
        yield from _obstacles(door)


def check_listening(door: Door) -> Iterator[Finding]:
    """Asterisk listens where [sip] says: it goes on where it began, whatever it is told later."""
    switch = choose(door.home, door.settings)
    if switch.wanted == "external" or not switch.status().answers:
        return
    binds = dict(TRANSPORT.findall(switch.command("pjsip show transports")))
    for port in switch.instance.ports:
        begun = binds.get(TRANSPORTS.get(port.setting, ""))
        if begun and not _same_place(begun, port):
            yield bad(
                "Asterisk listens on {begun}, not on {wanted} ({setting}): pbx-control setup, "
                "then restart it: pbx-control asterisk restart (all calls end)",
                begun=begun,
                wanted=f"{port.address}:{port.number}",
                setting=port.setting,
            )


def _same_place(bind: str, port: Port) -> bool:
    host, _, number = bind.rpartition(":")
    return (ip_address(host.strip("[]")), number) == (ip_address(port.address), str(port.number))


def _obstacles(door: Door) -> Iterator[Finding]:
    """What would keep Asterisk from starting."""
    if door.settings.asterisk.runtime == "rootfs":
        rootfs.require_tools()
    for port in choose(door.home, door.settings).instance.ports:
        try:
            require_free(port)
        except PbxError as error:
            yield unmade(error)


def check_names(door: Door) -> Iterator[Finding]:
    """The machine's own name is found at once; our root file system has a list of its own, others have not."""
    if choose(door.home, door.settings).status().runtime != "system":
        return
    begin = time.monotonic()
    with suppress(OSError):
        socket.getaddrinfo(socket.gethostname(), None)
    if time.monotonic() - begin > SLOW_NAME:
        name = socket.gethostname()
        yield doubt("looking up {name} is slow and stalls calls: add 127.0.0.1 {name} to /etc/hosts", name=name)


def check_daemon(door: Door) -> Iterator[Finding]:
    """Calls are taken."""
    state = daemon_state(door.home, told_by_daemon(door.home))
    if state["ready"]:
        yield good("the daemon takes calls")
    elif state["running"]:
        yield bad("the daemon runs but takes no calls: see its log")
    else:
        yield doubt("the daemon does not run: pbx-control run; until then the dialplan keeps the service alone")


def check_pauses(door: Door) -> Iterator[Finding]:
    """Nobody's telephone is left on forward, or refuses every call."""
    with reading(door.engine) as connection:
        rows = secretaries.rows(connection)
    for row in rows:
        if row.forwarded_at:
            yield doubt(
                "{name}'s telephone forwards calls (302), last at {at}: she must switch the forward off",
                name=row.name,
                at=f"{row.forwarded_at.astimezone(door.zone):%Y-%m-%d %H:%M}",
            )
    for name in (row.name for row in rows if PausedBy.kept(row.paused_why) is PausedBy.REFUSALS):
        yield doubt(
            "{name} is paused: her telephone took none of three calls in a row. Every 15 minutes one call is tried "
            "again. When it takes calls, have it register anew, or run `secretary set {name} --available`",
            name=name,
        )


def check_telephones(door: Door) -> Iterator[Finding]:
    """Over what the telephones are registered; those that must use TLS use it."""
    with reading(door.engine) as connection:
        rows = secretaries.rows(connection)
    over = ask_switch(door.settings, door.home).over if rows else {}
    counted = Counter(over[row.user] for row in rows if row.user in over)
    if counted:
        told = ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))
        yield good("telephones are registered: {told}", told=told)
    sip = door.settings.sip
    for row in rows:
        if row.secure and over.get(row.user, "tls") != "tls":
            yield bad(
                "the telephone of {name} must use TLS and is registered over {over}: until it is set to {server} by "
                "TLS, take it off",
                name=row.name,
                over=over[row.user],
                server=sip.tls_bind,
            )
        if row.secure and not sip.tls_bind:
            yield bad(
                "the telephone of {name} must use TLS, and there is none: set tls_bind under [sip] in pbx.toml, or "
                "`secretary set {name} --no-secure`",
                name=row.name,
            )


def check_browser_telephones(door: Door) -> Iterator[Finding]:
    """Telephones in pages can register: Asterisk has what that takes, and browsers give the page a microphone."""
    with reading(door.engine) as connection:
        count = sum(row.browser_telephone for row in secretaries.rows(connection))
    if not count:
        return
    web = door.settings.web
    if not (web.is_https or web.is_local):
        yield bad("browsers give a page no microphone without HTTPS: set public_url, or certificate and key, in [web]")
    switch = choose(door.home, door.settings)
    if switch.wanted == "external" or not switch.status().answers:
        return
    missing = [name for name in MODULES if f"{name}.so" not in switch.command(f"module show like {name}")]
    if missing:
        yield bad(
            "telephones in pages need modules that Asterisk has not loaded ({names}): pbx-control setup, then "
            "pbx-control asterisk restart (all calls end)",
            names=", ".join(missing),
        )
    elif "transport-ws" not in switch.command("pjsip show transports"):
        yield bad(
            "Asterisk has begun without the transport of telephones in pages: pbx-control asterisk restart "
            "(all calls end)"
        )
    else:
        yield good("telephones in pages can register: {count}", count=count)


def check_trust(door: Door) -> Iterator[Finding]:
    """Carriers over TLS are who they say, and nobody on the way hears their calls."""
    with reading(door.engine) as connection:
        over_tls = [row for row in trunks.rows(connection) if row.transport == "tls"]
    for row in over_tls:
        if row.verified_by == "nobody":
            yield doubt(
                "anybody on the way may pose as the carrier {name}, and take its password's digest: "
                "`trunk set {name} --verify`, with --ca FILE if its certificates are its own",
                name=row.name,
            )
        if row.srtp != "required":
            yield doubt(
                "what is spoken over {name} may go unencrypted: `trunk set {name} --srtp required`", name=row.name
            )
    if any(row.verified_by == "system" for row in over_tls):
        yield from _trusted_by_system(door)


def _trusted_by_system(door: Door) -> Iterator[Finding]:
    """Asterisk has begun with verifying, and can read whom the system trusts."""
    switch = choose(door.home, door.settings)
    if switch.wanted == "external" or not switch.status().answers:
        return
    file = Path(door.settings.sip.ca_file)
    if switch.status().runtime == "system" and not _readable(file, asterisk_account(door.home.asterisk)):
        yield bad("Asterisk cannot read {file}: install ca-certificates, or set [sip] ca_file", file=file)
    if not VERIFIES.search(switch.command("pjsip show transport transport-tls")):
        yield bad("carriers' certificates are not verified yet: pbx-control setup, then pbx-control asterisk restart")


def check_carriers(door: Door) -> Iterator[Finding]:
    """Where we are to register with a carrier, it has let us in."""
    with reading(door.engine) as connection:
        wanted = [row for row in trunks.rows(connection) if row.register]
    reached = ask_switch(door.settings, door.home) if wanted else Reached()
    for row in wanted:
        verified = row.verified_by not in (None, "nobody")
        yield from _registration(row.name, row.host, reached.registration(trunk_section(row.id)), verified)


def _registration(name: str, host: str, state: str, verified: bool) -> Iterator[Finding]:
    if state == "registered":
        yield good("the carrier {name} has registered us", name=name)
    elif state == "rejected":
        yield bad("the carrier {name} refuses us: `trunk set {name}` with the right --user and --password", name=name)
    elif state != UNKNOWN and verified:
        yield bad(
            "the carrier {name} does not answer at {host}, or has no valid certificate of that name (see "
            "asterisk/log/messages.log; `trunk set {name} --ca FILE` if its certificates are its own)",
            name=name,
            host=host,
        )
    elif state != UNKNOWN:
        yield bad("the carrier {name} does not answer at {host}: no calls come in by it", name=name, host=host)


def check_guesses(door: Door) -> Iterator[Finding]:
    """Nobody guesses the password of a secretary's telephone. A telephone with an old one tries it all day, too."""
    with reading(door.engine) as connection:
        tried = refusals.sources(connection, "wrong-password", clock.now() - GUESSES_SINCE)
    guessing = [(source, times) for source, times in tried.items() if times >= MANY_GUESSES]
    kept_out = ask_kept_out(door.settings, door.home) if guessing else {}
    for source, times in guessing[:SHOWN]:
        if until := kept_out.get(place_of(source)):
            yield doubt(
                "{source} has tried {times} wrong passwords of telephones since yesterday and is kept out until "
                "{until}: is it a telephone of yours with an old password?",
                source=source,
                times=times,
                until=door.plain(until),
            )
            continue
        yield doubt(
            "{source} has tried {times} wrong passwords of telephones since yesterday: is it a telephone of yours with "
            "an old password? Else keep it out, at the firewall: pbx-control trunk refusals tells since when",
            source=source,
            times=times,
        )
    if not guessing:
        yield _no_guesses(door)


def _no_guesses(door: Door) -> Finding:
    """Nobody guesses, as far as that can be known: Asterisk sees it, and the daemon writes it down."""
    if not choose(door.home, door.settings).status().answers:
        return doubt("whether somebody guesses passwords of telephones cannot be told: Asterisk does not answer")
    if not daemon_state(door.home, told_by_daemon(door.home))["ready"]:
        return doubt("whether somebody guesses passwords of telephones cannot be told: the daemon does not take calls")
    return good("nobody guesses passwords of telephones")


def check_transfers(door: Door) -> Iterator[Finding]:
    """Clients that have contacts have a number, too, by which these may be called."""
    with reading(door.engine) as connection:
        directory = Directory(read_office(connection, clock.now().date()))
    silent = [one.slug for one in directory.office.clients if one.contacts and directory.outgoing(one) is None]
    if silent:
        yield doubt(
            "the contacts of {clients} cannot be called: none of their numbers is on a trunk with --host",
            clients=", ".join(silent[:SHOWN]) + (" …" if len(silent) > SHOWN else ""),
        )


def check_clocks(door: Door) -> Iterator[Finding]:
    """Asterisk, alone, would open and close when the daemon does; every zone is one of the IANA's list."""
    with reading(door.engine) as connection:
        names = job_runs.zones(connection)
    for name in names:
        checks.timezone(name)
    if not names or not choose(door.home, door.settings).status().answers:
        return
    # Imported here: without a switch there is nothing to compare.
    from pbx_control.asterisk.clocks import compare

    different = compare(door.home, door.settings, names, clock.now())
    for name, at in different.items():
        yield bad(
            "Asterisk's clock of {zone} is not the daemon's on {at}: pbx-control setup, then restart the daemon",
            zone=name,
            at=f"{at:%Y-%m-%d %H:%M} UTC",
        )
    if not different:
        yield good("Asterisk and the daemon have the same clocks (time zones {version})", version=zones.version())


def check_disk(door: Door) -> Iterator[Finding]:
    """There is room on each disk that is written to; recordings, database or backups may have one of their own."""
    for disk in disks(door.home, door.settings):
        told = {"room": disk.room, "folders": disk.names}
        if disk.free < LITTLE_ROOM:
            yield bad("only {room} are free on the disk of {folders}: make room, or what comes is lost", **told)
        elif disk.free < SOME_ROOM:
            yield doubt("{room} are free on the disk of {folders}: an hour of recordings takes 58 MB", **told)
        else:
            yield good("{room} are free on the disk of {folders}", **told)


def check_prompts(door: Door) -> Iterator[Finding]:
    """Whatever a caller may have to hear is there."""
    names = [name for name, _, _ in house_sounds(LANGUAGES)]
    with reading(door.engine) as connection:
        for client in read_clients(connection, clock.now()):
            names += [name for name, _, _ in sounds_of(client)]
    absent = missing(door.home, names)
    if absent:
        yield bad(
            counted(
                "{count} sound is missing: run `pbx-control setup`",
                "{count} sounds are missing: run `pbx-control setup`",
                by="count",
            ),
            count=len(absent),
        )
    else:
        yield good("all {count} sounds are there", count=len(set(names)))


def check_mail(door: Door) -> Iterator[Finding]:
    """The mail server answers as [mail] says and has what letters need; it matters once somebody is to get mail."""
    mail = door.settings.mail
    place = f"{mail.host}:{mail.port}"
    # Imported here: no other check needs to know how mail is written.
    from pbx_control.notify.mail import sender_address

    try:
        sender_address(mail.sender, door.settings.office.name)
    except ClientMistake as error:
        yield bad(error.template, **error.values)
    awaited = _count_recipients(door, Channel.EMAIL) > 0
    try:
        found = list(_look_at_mail_server(mail, place))
    except (OSError, smtplib.SMTPException) as error:
        blame = bad if awaited else doubt
        yield blame(
            N_("the mail server {place} does not serve: {why}; see [mail] in pbx.toml"), place=place, why=_why(error)
        )
    else:
        yield from found
    if awaited and mail.sender.rstrip(">").endswith("@localhost"):
        yield doubt("letters come from {sender}, which servers refuse: set [mail] sender", sender=mail.sender)


def _look_at_mail_server(mail: Mail, place: str) -> Iterator[Finding]:
    """What the server lacks. Raises OSError or SMTPException if it does not do what [mail] asks for."""
    trust = ssl.create_default_context()
    if mail.tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=MAIL_LIMIT, context=trust)
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=MAIL_LIMIT)
    with server:
        server.ehlo_or_helo_if_needed()
        if mail.tls != "tls" and (yield from _lacks_encryption(server, mail, place, trust)):
            return
        server.ehlo_or_helo_if_needed()
        if mail.user and not server.has_extn("auth"):
            yield bad(
                "the mail server {place} takes no password: use its port for clients (587), or empty [mail] user",
                place=place,
            )
            return
        if mail.user:
            server.login(mail.user, mail.password)
        server.noop()
        yield good("the mail server {place} answers", place=place)
        yield from _little_size(server, place)


def _lacks_encryption(
    server: smtplib.SMTP, mail: Mail, place: str, trust: ssl.SSLContext
) -> Generator[Finding, None, bool]:
    """Begins TLS if [mail] asks for it; returns whether there is no way on."""
    offered = server.has_extn("starttls")
    if mail.tls == "starttls" and not offered:
        yield bad(
            'the mail server {place} offers no STARTTLS: use its port for clients (587), [mail] tls = "tls" with port '
            '465, or "none" for a server on this machine',
            place=place,
        )
        return True
    if mail.tls == "starttls":
        server.starttls(context=trust)
    elif offered and not _is_here(mail.host):
        yield doubt(
            'letters go to {place} unencrypted, which offers STARTTLS: set [mail] tls = "starttls"', place=place
        )
    return False


def _is_here(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _little_size(server: smtplib.SMTP, place: str) -> Iterator[Finding]:
    """A left message of the longest kind must fit into a letter; else it goes without its sound."""
    announced = server.esmtp_features.get("size", "").strip()
    if announced.isdecimal() and 0 < int(announced) < LONGEST_LETTER:
        yield doubt(
            "the mail server {place} takes letters of at most {size} kB: messages of more than {seconds} s go without "
            "their sound",
            place=place,
            size=int(announced) // 1000,
            seconds=max(0, int(announced) - LETTER_AROUND) // SOUND_SECOND,
        )


def check_mail_in(door: Door) -> Iterator[Finding]:
    """The mailbox that clients write to can be read, if there is one."""
    from pbx_control.notify import imap  # imported here: it takes a while

    here = door.settings.mail_in
    if not here.host:
        return
    with imap.opened(here):
        yield good(
            "the mailbox of {user} is read by IMAP from {place}", user=here.user, place=f"{here.host}:{here.port}"
        )
    if not here.ours:
        yield doubt(
            "[mail_in] does not say by which address mail comes to us: set address, or every change by mail needs its "
            "link"
        )


def check_remote_calendars(door: Door) -> Iterator[Finding]:
    """Clients' own calendars are read each minute, and know of all appointments."""
    at = clock.now()
    with reading(door.engine) as connection:
        if not remotes.any_there(connection):
            return
        troubled = remotes.troubled(connection, at - CALENDAR_WAIT)
        clashes = [one for one in remotes.tasks_of(connection, at) if one.found_at < at - CLASH_WAIT]
    for one in troubled[:SHOWN]:
        names = {"client": one.client, "calendar": one.calendar}
        if one.trouble:
            yield bad(
                "the calendar {calendar} of {client} is not in step: {why}; `calendar check {client} {calendar}`",
                why=read_kept(one.trouble),
                **names,
            )
        elif one.synced_at is None or one.synced_at < at - CALENDAR_WAIT:
            yield bad("the calendar {calendar} of {client} is not read: does `mirror` run?", **names)
        elif one.waiting:
            yield bad("appointments that {calendar} of {client} does not show yet: {count}", count=one.waiting, **names)
        else:
            yield doubt(
                "entries of {calendar} of {client} that nobody understands, and that block nothing: {count}",
                count=one.odd,
                **names,
            )
    if clashes:
        yield doubt(
            "appointments that do not agree with clients' own calendars, and nobody has settled: {count}; "
            "`appointment list --clashes`",
            count=len(clashes),
        )
    elif not troubled:
        yield good("clients' own calendars are in step")


def check_letters(door: Door) -> Iterator[Finding]:
    """What was written has reached those for whom it is."""
    alarms_to = door.settings.office.alarms_to
    with reading(door.engine) as connection:
        failing = mailboxes.failing(connection, alarms_to)
        given_up = letters.count_given_up(connection)
        waiting = letters.waiting_since(connection)
    for one in failing[:SHOWN]:
        yield bad(
            "{address} gets no messages since {since} ({why}), given up: {count}; once it works: "
            "pbx-control message resend --to {address}",
            address=one.recipient.address,
            since=door.plain(one.since),
            why=Word(clean_line(one.error.said(door.language), 120)),
            count=given_up.get(one.recipient, 0),
        )
    if len(failing) > SHOWN:
        yield bad("so do {count} more: pbx-control recipient list", count=len(failing) - SHOWN)
    if waiting and clock.now() - waiting > LONG_WAIT:
        yield doubt(
            "messages wait since {since} to be sent: pbx-control message list --undelivered", since=door.plain(waiting)
        )


def check_webhooks(door: Door) -> Iterator[Finding]:
    """Programs take what they are told."""
    with reading(door.engine) as connection:
        found = webhooks.rows(connection)
    for one in found:
        why = Word(clean_line(one.error.said(door.language), 120))
        if one.stopped_at:
            yield bad(
                "the webhook {id} was stopped at {since} ({why}), events lost: {lost}; once its receiver works: "
                "pbx-control webhook test {id}",
                id=one.id,
                since=door.plain(one.stopped_at),
                why=why,
                lost=one.lost,
            )
        elif one.failing_since:
            yield doubt(
                "the webhook {id} fails since {since} ({why}), events that wait: {waiting}",
                id=one.id,
                since=door.plain(one.failing_since),
                why=why,
                waiting=one.waiting,
            )
        elif one.lost:
            yield doubt("the webhook {id} has lost events: {lost}; pbx-control webhook list", id=one.id, lost=one.lost)


def check_telegram(door: Door) -> Iterator[Finding]:
    """There is a bot if somebody is to get messages by it."""
    if not door.settings.telegram.token and _count_recipients(door, Channel.TELEGRAM):
        yield bad("there are recipients by Telegram but no bot: set [telegram] token")


def check_jobs(door: Door) -> Iterator[Finding]:
    """No calendar job failed when it ran last, and none that was due hours ago has not run."""
    from pbx_control.jobs import schedule

    now = clock.now()
    with reading(door.engine) as connection:
        latest = job_runs.latest(connection)
        known = schedule.tasks(door.settings, job_runs.zones(connection))
    failed = [run for run in latest.values() if run.failed and not schedule.is_elsewhere(run.job, known)]
    missed = [task for task in known if _is_missed(task, latest.get(task.name), now)]
    for run in failed:
        yield bad("the job {name} {result}; try again: pbx-control job run {name}", name=run.job, result=run.sentence)
    for task in missed:
        due = door.plain(task.last(now))
        yield bad(
            "the job {name} was due at {due} and did not run: start the daemon, or pbx-control job run {name}",
            name=task.name,
            due=due,
        )
    if not failed and not missed:
        yield good("no calendar job has failed")


def _is_missed(task: Task, last: job_runs.Run | None, now: datetime) -> bool:
    """Whether a job that has run before did not run when it was due. A daemon makes up what it has just missed."""
    due = task.last(now)
    return last is not None and last.due_at < due and now - due > job_runs.LEASE


def check_pages(door: Door) -> Iterator[Finding]:
    """They are served where [web] says, and passwords cross no network in the clear."""
    web = door.settings.web
    web.require_safe()
    for name in (web.certificate, web.key):
        if name and not os.access(name, os.R_OK):
            yield bad("{file} cannot be read: see certificate and key in [web]", file=name)
    health = _health(web)
    if health is None:
        yield doubt(
            "no pages are served on {bind}: pbx-control run serves them, or pbx-control web alone", bind=web.bind
        )
    elif "database" in health:
        yield good("the pages are served: {url}", url=web.url)
    else:
        yield bad("another program answers on {bind}: stop it, or choose another port ([web] bind)", bind=web.bind)


def _health(web: Web) -> dict[str, Any] | None:
    """What the pages say of themselves; nothing of what is no answer of theirs; None if nobody answers."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(web.address, web.address)
    if web.certificate:
        # It names us to others; here it is ourselves that we ask.
        trusting = ssl._create_unverified_context()
        asking: HTTPConnection = HTTPSConnection(host, web.port, timeout=PAGES_LIMIT, context=trusting)
    else:
        asking = HTTPConnection(host, web.port, timeout=PAGES_LIMIT)
    with closing(asking):
        try:
            asking.request("GET", "/healthz")
            told = json.loads(asking.getresponse().read(1000))
        except ConnectionRefusedError:
            return None
        except (OSError, HTTPException, ValueError):
            return {}
    return told if isinstance(told, dict) else {}


def check_nodes(door: Door) -> Iterator[Finding]:
    """Every daemon on this database gives signs of life."""
    with reading(door.engine) as connection:
        away = [one for one in nodes.rows(connection) if one.state == "away" and one.name != door.settings.node.name]
    for one in away:
        yield doubt(
            "the node {node} has given no sign of life since {seen} (live calls: {calls}): start its daemon; if it "
            "is gone for good: pbx-control node retire {node}",
            node=one.name,
            seen=door.plain(one.seen_at),
            calls=one.live_calls,
        )


def check_alarms(door: Door) -> Iterator[Finding]:
    """There is somebody who hears of what goes wrong."""
    if not door.settings.office.alarms_to:
        yield doubt("nobody is told by e-mail of what goes wrong: set [office] alarms_to in pbx.toml")


CHECKS: tuple[Callable[[Door], Iterator[Finding]], ...] = (
    check_environment,
    check_settings,
    check_database,
    check_prompts,
    check_asterisk,
    check_listening,
    check_names,
    check_daemon,
    check_pages,
    check_nodes,
    check_pauses,
    check_telephones,
    check_browser_telephones,
    check_trust,
    check_carriers,
    check_guesses,
    check_transfers,
    check_clocks,
    check_jobs,
    check_alarms,
    check_disk,
    check_mail,
    check_mail_in,
    check_remote_calendars,
    check_telegram,
    check_letters,
    check_webhooks,
)


def examine(door: Door) -> Iterator[Finding]:
    """All findings, in the order in which they should be mended; the first is about the settings that all others need.

    A check that cannot be made tells why as a finding.
    """
    for check in CHECKS:
        try:
            yield from check(door)
        except PbxError as error:
            yield unmade(error)
            if check is check_settings:
                return


def _count_recipients(door: Door, channel: Channel) -> int:
    with reading(door.engine) as connection:
        return recipients.count_by(connection, channel)


def _why(error: Exception) -> Word:
    # What a server says is a stranger's text.
    return Word(clean_line(reason(error), 120))


def _readable(path: Path, account: Account) -> bool:
    """Whether that account may read a file, by its mode."""
    try:
        facts = path.stat()
    except OSError:
        return False
    if facts.st_uid == account.uid:
        return bool(facts.st_mode & 0o400)
    return bool(facts.st_mode & (0o040 if facts.st_gid == account.gid else 0o004))
