"""A machine that is reached by SSH, as connectors of HyperAI reach theirs, and no more of one than that.

The client knows its host names and always asks for SSH's own port, which is the machine's: here such a name leads to a
port of this process instead.
"""

import socket
import threading

import paramiko

# Whom it has let in, and whom not: (user, fingerprint of the key, whether).
tried = []


class Gate(paramiko.ServerInterface):
    """Lets in who has the one key, and says what each command was."""

    def __init__(self, user, key):
        self.user, self.key = user, key

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        is_known = username == self.user and key == self.key
        tried.append((username, key.fingerprint, is_known))
        return paramiko.AUTH_SUCCESSFUL if is_known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel, command):
        def answer():
            # Its input ends when the client has been told that the command runs.
            channel.makefile("rb").read()
            channel.sendall(b"asked: " + command)
            channel.send_exit_status(0)
            channel.close()

        threading.Thread(target=answer, daemon=True).start()
        return True


def serve(connection, host_key, user, key):
    transport = paramiko.Transport(connection)
    transport.add_server_key(host_key)
    try:
        transport.start_server(server=Gate(user, key))
    except (paramiko.SSHException, EOFError):
        transport.close()


def start(names, user, key):
    """Starts it for this process, which reaches it by these names."""
    listener = socket.create_server(("127.0.0.1", 0))
    host_key = paramiko.ECDSAKey.generate()

    def accept():
        while True:
            serve(listener.accept()[0], host_key, user, key)

    threading.Thread(target=accept, daemon=True).start()
    look_up = socket.getaddrinfo

    def led_here(host, port, *more, **named):
        if host in names:
            host, port = listener.getsockname()
        return look_up(host, port, *more, **named)

    socket.getaddrinfo = led_here
