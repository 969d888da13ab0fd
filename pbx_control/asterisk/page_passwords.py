"""The passwords of telephones in pages: Asterisk has them in memory only, and until they are taken back."""

from pbx_control.asterisk.ari import Ari, path


async def put(ari: Ari, endpoint: str, password: str) -> bool:
    """From now on that endpoint registers with this password alone. False if Asterisk does not take it. Raises
    SwitchUnavailable."""
    fields = {"auth_type": "userpass", "username": endpoint, "password": password}
    body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
    return (await ari.ask("PUT", _object(endpoint), body)).ok


async def drop(ari: Ari, endpoint: str) -> None:
    """Nobody registers as that endpoint any more. Raises SwitchUnavailable."""
    await ari.ask("DELETE", _object(endpoint))


def _object(endpoint: str) -> str:
    return path("asterisk", "config", "dynamic", "res_pjsip", "auth", endpoint)
