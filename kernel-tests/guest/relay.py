"""A server that ends TLS in user space, in front of nfsd without TLS."""

import select
import socket
import threading

from guest import nfs, rpc


class TlsRelay:
    """Agrees to TLS, does it by `wrap` (of a socket), and passes on."""

    PORT = 2051

    def __init__(self, wrap):
        self._wrap = wrap
        self.errors: list[Exception] = []
        self._listener = socket.create_server(("127.0.0.1", self.PORT))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            rpc.agree_to_tls(connection)
            client = self._wrap(connection)
            with socket.create_connection(("127.0.0.1", nfs.PORT)) as server:
                _pump(client, server)
        except Exception as error:  # whatever the library raises
            self.errors.append(error)
        finally:
            connection.close()


def _pump(client, server: socket.socket) -> None:
    """In one thread: a TLS connection is not for two at a time."""
    while True:
        ready, _, _ = select.select([client, server], [], [])
        if server in ready:
            data = server.recv(65536)
            if not data:
                return
            client.sendall(data)
        if client in ready:
            data = client.recv(65536)
            while client.pending():
                data += client.recv(65536)
            if not data:
                return
            server.sendall(data)
