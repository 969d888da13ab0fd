"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and codes for whoever has lost his telephone."""

from datetime import datetime, timedelta

# A code is taken so many steps early or late: clocks differ, and people need time to type (RFC 6238, section 5.2).
STEPS_AROUND = 1
DIGITS = 6
# How long a secret that was shown waits for its first code.
SET_UP_WITHIN = timedelta(minutes=15)
RECOVERY_CODES = 10
# Of such a code, without what stands between its groups: 59 bits.
RECOVERY_LENGTH = 12
# Of what is typed as a code, characters that are looked at.
LONGEST_TYPED = 40


def step_of(secret: str, typed: str, at: datetime) -> int | None:
    """The time step of which a code is, if it is one of about now. Each step's code is good once: whoever keeps the
    last step that was taken refuses it and those before."""
    # Imported here: most of the house asks for no codes.
    from pyotp import TOTP
    from pyotp.exceptions import OTPVerificationError

    code = "".join(typed[:LONGEST_TYPED].split())
    if len(code) != DIGITS or not (code.isascii() and code.isdecimal()):
        return None
    try:
        return TOTP(secret).verify_and_get_timecode(code, for_time=at, valid_window=STEPS_AROUND)
    except OTPVerificationError:
        return None


def address(secret: str, name: str, office: str) -> str:
    """What the picture says that an app reads: whose secret it is, and the secret."""
    from pyotp import TOTP

    return TOTP(secret).provisioning_uri(name=name, issuer_name=office)


def in_groups(code: str) -> str:
    """A code or a secret as people read and type it: four characters at a time."""
    return "-".join(code[place : place + 4] for place in range(0, len(code), 4))


def as_recovery_code(typed: str) -> str:
    """What was typed as such a code, however it was written; "" for what is none."""
    code = "".join(char for char in typed[:LONGEST_TYPED].lower() if char.isascii() and char.isalnum())
    return code if len(code) == RECOVERY_LENGTH else ""
