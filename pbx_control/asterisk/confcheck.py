"""Checks generated configuration before Asterisk sees it: whatever a file refers to exists, once, and fits."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pbx_control.domain.telephony.browser import is_browser
from pbx_control.errors import SwitchUnavailable

# Asterisk cuts lines at 8192 bytes, and names at 80 (AST_MAX_EXTENSION, AST_MAX_CONTEXT), without a word.
LONGEST_LINE, LONGEST_NAME = 4000, 79

_SECTION = re.compile(r"\[([^]]+)\](\(!?[^)]*\))?")
# Control characters, but for the line's end.
_FOREIGN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
# What opens a template's expression or block: there must be none left.
_UNRENDERED = ("{{", "{%")
# The dialplan's skeleton, found at once: it has a hundred thousand lines with ten thousand clients.
_DIALPLAN = re.compile(r"^(?:\[(.+?)\]|exten => ([^,\n]*),|include => (.+))", re.MULTILINE)
# Gosub(context,exten,…), Goto(context,exten,…), GotoIf(…?context,exten,…): targets written out in the dialplan.
_JUMP = re.compile(r"(?:Gosub\(|Goto\(|hangup_handler_push\)=|[?])([a-z][\w-]*),([^,$()]+|\$\{[^}]+\}),")
_CLIENT_NEEDS = re.compile(r"PBX_CALENDAR=([\w-]+),PBX_QUEUE=([\w-]+),PBX_QUIET=([\w-]*)")
_HOLIDAYS = re.compile(r"DIALPLAN_EXISTS\((holidays-\w+),")
# A key of an endpoint, identify or registration, and the type of section that its value names.
_REFERENCES = {
    "auth": "auth",
    "outbound_auth": "auth",
    "aors": "aor",
    "transport": "transport",
    "endpoint": "endpoint",
}


@dataclass(frozen=True, slots=True)
class Section:
    """One `[name](templates)` of a configuration file and its lines as (key, value)."""

    name: str
    is_template: bool
    lines: list[tuple[str, str]] = field(default_factory=list)

    def value(self, key: str) -> str:
        return next((value for own, value in self.lines if own == key), "")


def check(files: Mapping[str, str]) -> None:
    """Raises SwitchUnavailable, naming file and fault, if the configuration is not sound."""
    for name, text in files.items():
        _check_text(name, text)
    contexts = _contexts(files["extensions.conf"])
    _check_dialplan(files["extensions.conf"], contexts)
    _check_queues(files, contexts)
    _check_pjsip(files["pjsip.conf"], contexts)


def sections(text: str) -> Iterator[Section]:
    """The sections of a configuration file, in order; comments are left out."""
    present: Section | None = None
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith(";"):
            continue
        if found := _SECTION.fullmatch(line):
            if present:
                yield present
            present = Section(found[1], bool(found[2]) and "!" in found[2])
        elif present:
            key, _, value = line.partition("=")
            present.lines.append((key.strip(), value.removeprefix(">").strip()))
    if present:
        yield present


def _fault(file: str, why: str) -> SwitchUnavailable:
    return SwitchUnavailable(
        "the generated {file} is not sound ({why}); what is in force stays in force", file=file, why=why
    )


def _check_text(name: str, text: str) -> None:
    if found := _FOREIGN.search(text):
        raise _fault(name, f"line {text.count(chr(10), 0, found.start()) + 1} has {found[0]!r}")
    if any(mark in text for mark in _UNRENDERED):
        raise _fault(name, "a template was not rendered to its end")
    longest = max(text.splitlines(), key=len, default="")
    if len(longest.encode()) > LONGEST_LINE:
        raise _fault(name, f"a line is too long: {longest[:60]}…")


def _contexts(text: str) -> dict[str, set[str]]:
    """The dialplan's contexts with the extensions that each has."""
    contexts: dict[str, set[str]] = {}
    includes = []
    name = ""
    for head, extension, included in _DIALPLAN.findall(text):
        if head:
            name = head
            if name in contexts:
                raise _fault("extensions.conf", f"[{name}] stands there twice")
            contexts[name] = set()
        elif extension:
            _add_extension(name, contexts[name], extension)
        else:
            includes.append((name, included))
    for name, included in includes:
        if included not in contexts:
            raise _fault("extensions.conf", f"[{name}] includes [{included}], which is not there")
    return contexts


def _add_extension(context: str, extensions: set[str], name: str) -> None:
    if name in extensions:
        raise _fault("extensions.conf", f"{name} stands twice in [{context}]")
    if len(name) > LONGEST_NAME or len(context) > LONGEST_NAME:
        raise _fault("extensions.conf", f"{name}@{context} is too long a name")
    extensions.add(name)


def _check_dialplan(text: str, contexts: Mapping[str, set[str]]) -> None:
    for context, extension in set(_JUMP.findall(text)):
        exists = context in contexts and (extension.startswith("$") or _reaches(contexts[context], extension))
        if not exists:
            raise _fault("extensions.conf", f"it jumps to {extension}@{context}, which is not there")
    for context in set(_HOLIDAYS.findall(text)):
        if context not in contexts:
            raise _fault("extensions.conf", f"it looks into [{context}], which is not there")


def _reaches(extensions: set[str], extension: str) -> bool:
    return extension in extensions or any(name.startswith("_") for name in extensions)


def _check_queues(files: Mapping[str, str], contexts: Mapping[str, set[str]]) -> None:
    queues = {section.name for section in sections(files["queues.conf"])}
    endpoints = {section.name for section in sections(files["pjsip.conf"])}
    for calendar, queue, quiet in set(_CLIENT_NEEDS.findall(files["extensions.conf"])):
        if calendar not in contexts:
            raise _fault("extensions.conf", f"there are no hours {calendar}")
        if not {f"{queue}{quiet}", f"{queue}-ringing"} <= queues:
            raise _fault("queues.conf", f"there is no queue {queue}")
    for section in sections(files["queues.conf"]):
        for key, value in section.lines:
            telephone = value.partition(",")[0].removeprefix("PJSIP/")
            if key == "member" and telephone not in endpoints:
                raise _fault("queues.conf", f"{telephone} in [{section.name}] has no telephone in pjsip.conf")


def _check_pjsip(text: str, contexts: Mapping[str, set[str]]) -> None:
    everything = list(sections(text))
    # What a section takes from a template by `(telephone)` is a `type` too.
    kinds = _kinds(text)
    seen = set()
    for section, kind in zip(everything, kinds, strict=True):
        if not section.is_template and (section.name, kind) in seen:
            raise _fault("pjsip.conf", f"there are two [{section.name}] of type {kind}")
        seen.add((section.name, kind))
    for section in everything:
        for key, value in section.lines:
            # The password of a telephone in a page is given to Asterisk when the page opens.
            later = key == "auth" and is_browser(value)
            if key in _REFERENCES and not later and (value, _REFERENCES[key]) not in seen:
                raise _fault("pjsip.conf", f"[{section.name}] names {key} = {value}, which is not there")
            if key == "context" and value not in contexts:
                raise _fault("pjsip.conf", f"[{section.name}] enters [{value}], which extensions.conf has not")


def _kinds(text: str) -> list[str]:
    """The type of each section in order, its own or its template's."""
    heads = [found for line in text.splitlines() if (found := _SECTION.fullmatch(line.strip()))]
    kind_of: dict[str, str] = {}
    kinds = []
    for head, section in zip(heads, sections(text), strict=True):
        parents = [name for name in (head[2] or "").strip("()").split(",") if name not in ("", "!")]
        kind = section.value("type") or next((kind_of[name] for name in parents if name in kind_of), "")
        if section.is_template:
            kind_of[section.name] = kind
        kinds.append(kind)
    return kinds
