"""An agent that lies: it reports success and does no TLS at all.

The kernel believes it (it does not look whether there are keys), so what the
cases call proof must see through it.
"""

import os
import struct
import threading

from guest import genl

_SERVER_VERIFIED = struct.pack("=i", -1)


class CheatingAgent:
    def __init__(self, family: genl.Family):
        self._family = family
        self._ready = genl.join_group(family)
        self._ready.settimeout(None)
        self._talk = genl.open_socket()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            self._ready.recv(65536)
            while (sockfd := self._accept()) is not None:
                self._lie(sockfd)

    def _accept(self) -> int | None:
        self._talk.send(genl.request(self._family, genl.CMD_ACCEPT, [
            (genl.ACCEPT_HANDLER_CLASS, struct.pack("=I", 1))]))
        for message in genl.parse_messages(self._talk.recv(65536)):
            if message.kind == self._family.number:
                fields = dict(genl.parse_generic(message.body)[1])
                return struct.unpack("=i", fields[genl.ACCEPT_SOCKFD])[0]
        return None  # an error: nothing is queued

    def _lie(self, sockfd: int) -> None:
        self._talk.send(genl.request(self._family, genl.CMD_DONE, [
            (genl.DONE_STATUS, struct.pack("=I", 0)),
            (genl.DONE_SOCKFD, struct.pack("=i", sockfd)),
            (genl.DONE_REMOTE_AUTH, _SERVER_VERIFIED)]))
        os.close(sockfd)
