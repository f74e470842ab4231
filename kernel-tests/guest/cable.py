"""Bytes between two ends, until the cable is cut."""

import socket
import threading


class Cable:
    """Passes connections to `target` on; PORT is what the client is told."""

    PORT = 4421

    def __init__(self, target: int):
        self._target = target
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._passing = threading.Event()
        self._passing.set()
        self._listener = socket.create_server(("127.0.0.1", self.PORT))
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        """New connections come about, and nothing passes."""
        self._passing.clear()

    def release(self) -> None:
        self._passing.set()

    def cut(self) -> int:
        """Ends every connection; new ones are passed on. How many it was."""
        with self._lock:
            ends, self._ends = self._ends, []
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself
        return len(ends) // 2

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = socket.create_connection(("127.0.0.1", self._target))
            with self._lock:
                self._ends += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink),
                                 daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        self._passing.wait()
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # cut
