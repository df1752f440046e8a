"""A webhook is what the library of Standard Webhooks takes, and nothing else is."""

import json
import os

from standardwebhooks import Webhook, WebhookVerificationError

received = json.loads(os.environ["WEBHOOK"])
headers, body = received["headers"], received["body"]
for secret in os.environ["SECRETS"].split(","):
    said = Webhook(secret).verify(body, headers)
    print(said["type"], said["data"]["text"])
    for wrong_body, wrong_headers in (
        (body + " ", headers),
        (body, {**headers, "webhook-id": "another"}),
        (body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
    ):
        try:
            Webhook(secret).verify(wrong_body, wrong_headers)
        except WebhookVerificationError:
            continue
        raise SystemExit("a changed webhook was taken")
print("done: the library of Standard Webhooks takes it, and nothing that was changed")
