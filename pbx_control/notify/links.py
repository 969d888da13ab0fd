"""Puts into letters whose file is too large a link by which it is fetched, and says how long that is good."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.domain.notices.large import LargeFile, end_of_link, token_of, with_link
from pbx_control.notify import attachments
from pbx_control.settings import Home, Settings
from pbx_control.store import clients, link_keys, restrictions, retention
from pbx_control.store.letters import Posted

USUAL_LIFE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Links:
    """How links are made here. `public_url`: by which address browsers reach the pages; "": there are no links."""

    home: Home
    public_url: str = ""
    life: timedelta = USUAL_LIFE

    @classmethod
    def of(cls, home: Home, settings: Settings) -> "Links":
        """As the settings say."""
        return cls(home, settings.web.public_url, timedelta(days=settings.mail.link_days))

    def filled(self, conn: Connection, posted: Posted) -> Posted:
        """The letter as it is sent: one of which the file turned out too large has a link. If the file is gone by now,
        whoever sends it says so."""
        letter = posted.letter
        if posted.linked_at is None or letter.client_id is None:  # all that have a file are a client's
            return posted
        size = attachments.size(self.home, letter.attachment)
        if size is None:
            return posted
        firm = clients.get(conn, letter.client_id)
        ends_at = good_until(conn, posted, posted.linked_at, self.life)
        url = ""
        if self.public_url:
            url = f"{self.public_url}/files/{token_of(link_keys.ensure(conn), posted.id, posted.linked_at)}"
        file = LargeFile(size=size, url=url, ends_at=ends_at.astimezone(ZoneInfo(firm.timezone)))
        return replace(posted, letter=with_link(letter, file, firm.language))


def good_until(conn: Connection, posted: Posted, linked_at: datetime, life: timedelta) -> datetime:
    """Until when the link to a letter's file is good: for its life, without the time for which nobody could use it as a
    request of a caller's was decided, and no longer than a recording is kept."""
    call_id = posted.letter.call_id
    kept = retention.of_calls(conn, [call_id]) if call_id else {}
    ends_at = end_of_link(linked_at, life, restrictions.pauses(conn, posted.id))
    return min([ends_at, *(claim.due_at for claim in kept.values())])
