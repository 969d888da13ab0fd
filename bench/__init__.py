"""The measurements of `make bench`: a call through pbx-control beside the same call through dialplan and FastAGI."""
