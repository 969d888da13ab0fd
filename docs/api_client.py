"""A program that uses the API: the newest calls, and an appointment at the first free time. PBX_URL, PBX_TOKEN."""

import json
import os
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from uuid import uuid4


def ask(path, body=None):
    headers = {"Authorization": f"Bearer {os.environ['PBX_TOKEN']}", "Content-Type": "application/json"}
    if body is not None:
        headers["Idempotency-Key"] = str(uuid4())  # the same one again, if no answer comes
        body = json.dumps(body).encode()
    with urlopen(Request(os.environ["PBX_URL"] + path, body, headers)) as answer:
        return json.load(answer)


for call in ask("/calls?limit=3")["items"]:
    print(call["arrived_at"], call["caller"], call["outcome"])
calendar = ask("/calendars")["items"][0]
place, kind = f"/calendars/{calendar['id']}", calendar["kinds"][0]["name"]
slot = ask(f"{place}/slots?{urlencode({'kind': kind})}")["items"][0]
booked = ask(f"{place}/appointments", {"starts": slot["starts"], "kind": kind, "name": "María Soto"})
print("booked:", booked["id"], booked["state"], booked["starts"] == slot["starts"])
