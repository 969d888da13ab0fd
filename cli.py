"""Entry point of `pbx-control`: the tree of commands, nothing else."""

import atexit
import gc

# A command is over before its garbage would matter: imports go without the collector, and so does its end.
collecting = gc.isenabled()
gc.disable()
atexit.register(gc.freeze)

from pbx_control.admin.door import Tree  # noqa: E402

if collecting:
    gc.enable()

COMMANDS = {
    "setup": "pbx_control.admin.home:setup",
    "run": "pbx_control.daemon:run",
    "status": "pbx_control.admin.home:status",
    "doctor": "pbx_control.admin.doctor:doctor",
    "demo": "pbx_control.admin.demo:demo",
    "asterisk": "pbx_control.admin.asterisk:asterisk",
    "trunk": "pbx_control.admin.trunk:trunk",
    "did": "pbx_control.admin.did:did",
    "client": "pbx_control.admin.client:client",
    "hours": "pbx_control.admin.hours:hours",
    "holiday": "pbx_control.admin.holiday:holiday",
    "greeting": "pbx_control.admin.greeting:greeting",
    "announcement": "pbx_control.admin.announcement:announcement",
    "secretary": "pbx_control.admin.secretary:secretary",
    "contact": "pbx_control.admin.contact:contact",
    "recipient": "pbx_control.admin.recipient:recipient",
    "plan": "pbx_control.admin.plan:plan",
    "bag": "pbx_control.admin.bag:bag",
    "ledger": "pbx_control.admin.ledger:ledger_",
    "call": "pbx_control.admin.call:call",
    "caller": "pbx_control.admin.caller:caller",
    "recording": "pbx_control.admin.recording:recording",
    "invoice": "pbx_control.admin.invoice:invoice",
    "dialplan": "pbx_control.admin.dialplan:dialplan",
    "message": "pbx_control.admin.message:message",
    "mail": "pbx_control.admin.mail:mail",
    "job": "pbx_control.admin.job:job",
    "backup": "pbx_control.admin.backup:backup",
    "restore": "pbx_control.admin.backup:restore",
}

main = Tree(COMMANDS)

if __name__ == "__main__":
    main()
