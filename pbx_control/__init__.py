"""pbx-control: a telephone-answering service on Asterisk."""

from pbx_control.zones import use_newest

# Before anybody asks for a zone: what `zoneinfo` has read it keeps.
use_newest()
