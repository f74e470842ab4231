"""Peers that misbehave: both ends of the step before TLS, and then nothing."""

import collections
import selectors
import socket
import struct
import subprocess
import threading

from guest import nfs, rpc, wait


class SilentClient:
    """Asks nfsd for TLS, then never sends its ClientHello."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", nfs.PORT), 10)
        self.socket.sendall(rpc.ask_for_tls())
        assert b"STARTTLS" in rpc.receive_record(self.socket), \
            "nfsd does not offer TLS"

    def __enter__(self) -> "SilentClient":
        return self

    def __exit__(self, *_unused) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> bytes:
        """What there is; nothing when nfsd has hung up."""
        return self.socket.recv(65536)

    def wait_closed(self, deadline_s: float = 60) -> None:
        """Until nfsd has hung up; an alert may come before."""
        self.socket.settimeout(deadline_s)
        try:
            while self.receive():
                pass
        except ConnectionResetError:
            pass

    def reset(self) -> None:
        """Closes by RST, not by FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("=ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.socket.close()


def openssl_client(schemes: str, truststore: str, meanwhile) -> list[str]:
    """Asks nfsd for TLS and lets openssl make the handshake, with these
    signature schemes. Calls `meanwhile` before it hangs up, and returns what
    openssl says of it."""
    server = socket.create_connection(("127.0.0.1", nfs.PORT), 10)
    server.sendall(rpc.ask_for_tls())
    assert b"STARTTLS" in rpc.receive_record(server), "nfsd does not offer TLS"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        openssl = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3",
             "-sigalgs", schemes, "-CAfile", truststore,
             "-verify_return_error", "-verify_hostname", "localhost",
             "-alpn", "sunrpc"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        connection, _ = listener.accept()
    for ends in ((server, connection), (connection, server)):
        threading.Thread(target=_pump, args=ends, daemon=True).start()
    overdue = threading.Timer(20, openssl.kill)
    overdue.start()
    try:
        said = []
        for line in openssl.stdout:
            said.append(line.rstrip())
            if line.startswith("Verify return code"):
                meanwhile()
                break
        return said + openssl.communicate()[0].splitlines()
    finally:
        overdue.cancel()
        openssl.kill()


class StallingServer:
    """Agrees to TLS and then stays silent; later it passes through.

    The first `stalls` connections hang in the middle of a handshake for good;
    every further one is relayed to nfsd.
    """

    PORT = 2050

    def __init__(self, stalls: int = 1, address: str = "127.0.0.1"):
        self._stalls = stalls
        self._listener = socket.create_server((address, self.PORT))
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
    connection of the first for all. All are served by one thread.
    """

    # Handshakes with nfsd at a time. Of more than 64 clients that it has not
    # authenticated it drops the oldest, and it waits 5 seconds for each.
    _MOST_AT_ONCE = 16
    _next_port = 2100

    def __init__(self, clients: int = 1):
        self.ports = range(Gate._next_port, Gate._next_port + clients)
        Gate._next_port += clients
        self._is_open = False
        self._held = 0
        self._to_cut = False
        self._waiting: collections.deque[_Passage] = collections.deque()
        self._passages: set[_Passage] = set()
        self._selector = selectors.DefaultSelector()
        self._bell, woken = socket.socketpair()
        self.watch(woken, lambda: self._obey(woken))
        for port in self.ports:
            listener = socket.create_server(("127.0.0.1", port))
            self.watch(listener, lambda listener=listener:
                       self._passages.add(_Passage(self, listener)))
        threading.Thread(target=self._run, daemon=True).start()

    def held(self) -> int:
        """How many clients have sent a ClientHello to the closed gate."""
        return self._held

    def open(self) -> None:
        self._is_open = True
        self._bell.send(b"!")

    def close(self) -> None:
        self._is_open = False

    def cut(self) -> None:
        """Ends every connection; the clients connect anew."""
        self._to_cut = True
        self._bell.send(b"!")

    # For its passages.

    def watch(self, sock: socket.socket, callback,
              events: int = selectors.EVENT_READ) -> None:
        self._selector.register(sock, events, callback)

    def forget(self, sock: socket.socket) -> None:
        if sock.fileno() in self._selector.get_map():
            self._selector.unregister(sock)

    def arrived(self, passage: "_Passage") -> None:
        """Its client has begun a handshake."""
        self._held += not self._is_open
        self._waiting.append(passage)
        self.let_pass()

    def ended(self, passage: "_Passage") -> None:
        self._passages.discard(passage)
        if passage in self._waiting:
            self._waiting.remove(passage)
        self.let_pass()

    def let_pass(self) -> None:
        busy = sum(passage.is_in_handshake for passage in self._passages)
        while self._is_open and self._waiting and busy < self._MOST_AT_ONCE:
            self._waiting.popleft().begin()
            busy += 1

    def _obey(self, woken: socket.socket) -> None:
        woken.recv(64)
        if self._to_cut:
            self._to_cut = False
            for passage in list(self._passages):
                passage.end()
        self.let_pass()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                # What was called before may have forgotten it.
                if key.fd in self._selector.get_map():
                    key.data()


def held_mounts(count: int) -> tuple[Gate, list[nfs.DirectMount]]:
    """NFS clients, each in the middle of a handshake."""
    gate = Gate(count)
    mounts = [nfs.DirectMount(nfs.MOUNT / str(port), port)
              for port in gate.ports]
    wait.until(lambda: gate.held() >= count, "the clients' handshakes", 60)
    return gate, mounts


class _Passage:
    """One connection through a Gate; every method runs in the gate's thread."""

    def __init__(self, gate: Gate, listener: socket.socket):
        self.is_in_handshake = False
        self._gate = gate
        self._client, _ = listener.accept()
        self._server = socket.socket()
        self._call = b""
        self._answers = 0
        gate.watch(self._client, self._on_call)

    def end(self) -> None:
        self.is_in_handshake = False
        for sock in (self._client, self._server):
            self._gate.forget(sock)
            sock.close()
        self._gate.ended(self)

    def begin(self) -> None:
        """Connects to nfsd and says what the client said."""
        self.is_in_handshake = True
        self._server.setblocking(False)
        self._server.connect_ex(("127.0.0.1", nfs.PORT))
        self._gate.watch(self._server, self._guarded(self._ask),
                         selectors.EVENT_WRITE)

    def _on_call(self) -> None:
        self._gate.forget(self._client)
        try:
            self._call = rpc.agree_to_tls(self._client)
        except OSError:
            return self.end()
        self._gate.watch(self._client, self._guarded(self._on_hello))

    def _on_hello(self) -> None:
        self._gate.forget(self._client)
        if not self._client.recv(1, socket.MSG_PEEK):
            raise ConnectionError("the client has left")
        self._gate.arrived(self)

    def _ask(self) -> None:
        self._gate.forget(self._server)
        self._server.setblocking(True)
        self._server.sendall(rpc.record(self._call))
        self._gate.watch(self._server, self._guarded(self._on_agreement))

    def _on_agreement(self) -> None:
        self._gate.forget(self._server)
        rpc.receive_record(self._server)
        self._gate.watch(self._client, self._guarded(
            lambda: _relay(self._client, self._server)))
        self._gate.watch(self._server, self._guarded(self._on_answer))

    def _on_answer(self) -> None:
        _relay(self._server, self._client)
        self._answers += 1
        # Its flight, then the reply to the first call.
        if self._answers == 2:
            self.is_in_handshake = False
            self._gate.let_pass()

    def _guarded(self, step):
        def run() -> None:
            try:
                step()
            except OSError:
                self.end()
        return run


def _relay(source: socket.socket, target: socket.socket) -> None:
    data = source.recv(65536)
    if not data:
        raise ConnectionError("one end has closed")
    target.sendall(data)


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
