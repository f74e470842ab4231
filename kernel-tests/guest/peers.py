"""Peers that misbehave: both ends of the step before TLS, and then nothing."""

import selectors
import socket
import threading

from guest import nfs, rpc, wait


class SilentClient:
    """Asks nfsd for TLS, then never sends its ClientHello."""

    def __init__(self):
        self._socket = socket.create_connection(("127.0.0.1", nfs.PORT), 10)
        self._socket.sendall(rpc.ask_for_tls())
        assert b"STARTTLS" in rpc.receive_record(self._socket), \
            "nfsd does not offer TLS"

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def wait_closed(self, deadline_s: float = 60) -> None:
        """Until nfsd has hung up; an alert may come before."""
        self._socket.settimeout(deadline_s)
        try:
            while self._socket.recv(4096):
                pass
        except ConnectionResetError:
            pass

    def close(self) -> None:
        self._socket.close()


class StallingServer:
    """Agrees to TLS and then stays silent; later it passes through.

    The first `stalls` connections hang in the middle of a handshake for good;
    every further one is relayed to nfsd.
    """

    PORT = 2050

    def __init__(self, stalls: int = 1):
        self._stalls = stalls
        self._listener = socket.create_server(("127.0.0.1", self.PORT))
        self._got_hello = threading.Event()
        self._stalled: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for_hello(self) -> None:
        """Until the agent has sent its ClientHello."""
        if not self._got_hello.wait(10):
            raise wait.DeadlineExceeded("no ClientHello came")

    def stalled_connections(self) -> int:
        return len(self._stalled)

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            stall = len(self._stalled) < self._stalls
            if stall:
                self._stalled.append(connection)
            work = self._stall if stall else self._relay
            threading.Thread(target=work, args=(connection,),
                             daemon=True).start()

    def _stall(self, connection: socket.socket) -> None:
        rpc.agree_to_tls(connection)
        connection.recv(1)
        self._got_hello.set()

    def _relay(self, connection: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", nfs.PORT))
        threading.Thread(target=_pump, args=(server, connection),
                         daemon=True).start()
        _pump(connection, server)


class Gate:
    """Between NFS clients and nfsd: agrees to TLS, and holds what is said then
    until it is opened.

    Each client has a port of its own: with one, the kernel would use the
    connection of the first for all.
    """

    _next_port = 2100

    def __init__(self, clients: int = 1):
        self.ports = range(Gate._next_port, Gate._next_port + clients)
        Gate._next_port += clients
        self._open = threading.Event()
        self._lock = threading.Lock()
        self._held = 0
        self._connections: list[socket.socket] = []
        for port in self.ports:
            listener = socket.create_server(("127.0.0.1", port))
            threading.Thread(target=self._accept, args=(listener,),
                             daemon=True).start()

    def held(self) -> int:
        """How many clients have sent a ClientHello to the closed gate."""
        with self._lock:
            return self._held

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def cut(self) -> None:
        """Ends every connection; the clients connect anew."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            call = rpc.agree_to_tls(connection)
            if not self._open.is_set():
                if not connection.recv(1, socket.MSG_PEEK):
                    return
                with self._lock:
                    self._held += 1
                self._open.wait()
            server = socket.create_connection(("127.0.0.1", nfs.PORT))
            server.sendall(rpc.record(call))
            rpc.receive_record(server)
        except OSError:
            connection.close()
            return
        with self._lock:
            self._connections += [connection, server]
        threading.Thread(target=_pump, args=(server, connection),
                         daemon=True).start()
        _pump(connection, server)


class HalfOpenClients:
    """Very many SilentClients at once; who is turned away stays away."""

    def __init__(self, count: int):
        self.asked = 0
        self._selector = selectors.DefaultSelector()
        self._sockets = [self._connect() for _ in range(count)]
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    def _connect(self) -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", nfs.PORT))
        self._selector.register(sock, selectors.EVENT_WRITE)
        return sock

    def _run(self) -> None:
        while self._selector.get_map():
            for key, _ in self._selector.select():
                self._selector.unregister(key.fileobj)
                try:
                    key.fileobj.send(rpc.ask_for_tls())
                    self.asked += 1
                except OSError:
                    key.fileobj.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # either end is gone, and so is the relay
