"""A cluster as connectors meet it: TLS with client certificates, and the API's questions about who asks.

Kubernetes API reference: SelfSubjectReview (authentication.k8s.io/v1) and SelfSubjectAccessReview
(authorization.k8s.io/v1) answer 201 for whoever is signed in, and 401 with a Status for others; /version is public.

It serves with server.pem and server.key of its folder and trusts ca.pem. With "old" it knows no SelfSubjectReview
(before 1.28). It says one line of JSON when it listens.
"""

import base64
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEARER = "Bearer a service account's token"
BASIC = "Basic " + base64.b64encode(b"ada:her password").decode()
IS_OLD = "old" in sys.argv[1:]
VERSION = {
    "major": "1",
    "minor": "27" if IS_OLD else "31",
    "gitVersion": "v1.27.0" if IS_OLD else "v1.31.0",
    "gitCommit": "0",
    "gitTreeState": "clean",
    "buildDate": "2024-08-13T07:28:49Z",
    "goVersion": "go1.22.5",
    "compiler": "gc",
    "platform": "linux/amd64",
}


class Cluster(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def user(self):
        said = self.headers.get("Authorization")
        if said is not None:
            return {BEARER: "system:serviceaccount:default:zendo", BASIC: "ada"}.get(said)
        subject = (self.connection.getpeercert() or {}).get("subject", ())
        names = [value for part in subject for key, value in part if key == "commonName"]
        return names[0] if names else None

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def status(self, code, reason):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code})

    def do_GET(self):
        self.answer(200, VERSION) if self.path == "/version" else self.status(404, "NotFound")

    def sent(self):
        """What came with the request: in one piece, as most do, or in several, as kubectl does."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while length := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(length))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def do_POST(self):
        sent = json.loads(self.sent())
        reviews = {
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {
                "kind": "SelfSubjectAccessReview",
                "apiVersion": "authorization.k8s.io/v1",
                "spec": sent.get("spec"),
                "status": {"allowed": False},
            }
        }
        if not IS_OLD:
            reviews["/apis/authentication.k8s.io/v1/selfsubjectreviews"] = {
                "kind": "SelfSubjectReview",
                "apiVersion": "authentication.k8s.io/v1",
                "status": {"userInfo": {"username": self.user()}},
            }
        if self.user() is None:
            self.status(401, "Unauthorized")
        elif self.path in reviews:
            self.answer(201, reviews[self.path])
        else:
            self.status(404, "NotFound")

    def log_message(self, *_):
        pass


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("server.pem", "server.key")
tls.load_verify_locations("ca.pem")
tls.verify_mode = ssl.CERT_OPTIONAL
server = ThreadingHTTPServer(("127.0.0.1", 0), Cluster)
server.socket = tls.wrap_socket(server.socket, server_side=True)
print(json.dumps({"url": f"https://localhost:{server.server_port}"}), flush=True)
server.serve_forever()
