"""The telephone in a secretary's page: what it is called in the switch, and from where it is reached."""

from ipaddress import IPv4Address, IPv4Network

# What stands after her user in the name of its endpoint; no user has it (services/staff.py).
_MARK = "_browser"
# What may be called from it, and nothing else: it says back what it hears.
ECHO = "echo"
# What Asterisk needs for it beside what any telephone takes.
MODULES = ("res_http_websocket", "res_pjsip_transport_websocket", "res_srtp", "app_echo")
# From here its web socket comes to the switch, each secretary's from an address of her own: what is known of an address
# (a carrier's, one that guesses passwords, where a telephone is) is known of her alone.
COMES_FROM = IPv4Network("127.64.0.0/10")


def browser_of(user: str) -> str:
    """The endpoint of the telephone in the page of her whose softphone is `user`."""
    return user + _MARK


def user_of(endpoint: str) -> str:
    """Whose an endpoint is: her softphone's user."""
    return endpoint.removesuffix(_MARK)


def is_browser(endpoint: str) -> bool:
    """Whether it is the telephone in a page."""
    return endpoint.endswith(_MARK)


def comes_from(secretary_id: int) -> str:
    """The address from which her web socket comes to the switch."""
    return str(IPv4Address(int(COMES_FROM.network_address) + secretary_id % COMES_FROM.num_addresses))
