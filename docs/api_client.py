"""A program that uses the API: the newest calls, and an appointment at the first free time. PBX_URL, PBX_TOKEN."""

import json
import os
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
calendar = f"/calendars/{ask('/calendars')['items'][0]['id']}"
slot = ask(f"{calendar}/slots")["items"][0]
booked = ask(f"{calendar}/appointments", {"starts": slot["starts"], "name": "María Soto"})
print("booked:", booked["id"], booked["state"], booked["starts"] == slot["starts"])
