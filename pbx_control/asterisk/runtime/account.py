"""Who Asterisk runs as: never root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

# Root's homes on a machine without a user `asterisk`: an id that no distribution and no container tool hands out
# (systemd.io/UIDS-GIDS lists 1879048192-2147483647 as unused), so that nothing else on the machine has it.
UNUSED_ID = 1_900_005_060


@dataclass(frozen=True, slots=True)
class Account:
    """A user and a group by number."""

    uid: int
    gid: int

    @property
    def is_mine(self) -> bool:
        """Whether this process already is that user."""
        return self.uid == os.geteuid()


def asterisk_account(folder: Path) -> Account:
    """The account for the Asterisk whose files lie in `folder` (which exists).

    An ordinary user's Asterisk is that user. Root's is the folder's owner, else the user `asterisk`, else an id
    that nobody has: the daemon, being root or the same user, can read what Asterisk writes with mode 0600.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    owner = folder.stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam("asterisk")
        return Account(entry.pw_uid, entry.pw_gid)
    except KeyError:
        return Account(UNUSED_ID, UNUSED_ID)
