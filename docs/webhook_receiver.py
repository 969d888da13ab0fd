"""A receiver of webhooks: prints each event that is signed by our secret, once. WEBHOOK_SECRET, PORT."""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY, SEEN = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_")), set()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name, at = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "0")
        right = base64.b64encode(hmac.digest(KEY, f"{name}.{at}.".encode() + body, hashlib.sha256)).decode()
        signed = [one.removeprefix("v1,") for one in self.headers.get("webhook-signature", "").split()]
        good = abs(time.time() - int(at)) < 300 and any(hmac.compare_digest(right, one) for one in signed)
        self.send_response(204 if good else 401)  # soon: what takes long is done afterwards
        self.end_headers()
        if good and name not in SEEN:  # the same event may come again, under the same id
            SEEN.add(name)
            print(json.loads(body)["type"], json.loads(body)["data"], flush=True)


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()
