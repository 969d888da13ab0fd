"""The passwords of telephones in pages: Asterisk has them in memory only, and until they are taken back."""

from secrets import token_urlsafe

from pbx_control.asterisk.ari import Ari, path


async def put(ari: Ari, endpoint: str, password: str) -> bool:
    """From now on that endpoint registers with this password alone. False if Asterisk does not take it. Raises
    SwitchUnavailable."""
    fields = {"auth_type": "userpass", "username": endpoint, "password": password}
    body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
    return (await ari.ask("PUT", _object(endpoint), body)).ok


async def is_there(ari: Ari, endpoint: str) -> bool:
    """Whether that endpoint has a password. Raises SwitchUnavailable."""
    return (await ari.ask("GET", _object(endpoint))).ok


async def close(ari: Ari, endpoint: str) -> bool:
    """Nobody registers as that endpoint any more: its password is one that nobody is told. Without any, Asterisk would
    answer 500 to whoever tries, in place of 401. False if Asterisk does not take it. Raises SwitchUnavailable."""
    return await put(ari, endpoint, token_urlsafe(24))


async def drop(ari: Ari, endpoint: str) -> None:
    """The endpoint is gone, and its password with it. Raises SwitchUnavailable."""
    await ari.ask("DELETE", _object(endpoint))


def _object(endpoint: str) -> str:
    return path("asterisk", "config", "dynamic", "res_pjsip", "auth", endpoint)
