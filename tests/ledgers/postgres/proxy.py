"""A proxy before a database that breaks connections where a test says so: before a message arrives, or its answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

_CHUNK = 65536


class Loss(Enum):
    """What is lost when a connection breaks."""

    MESSAGE = "message"
    ANSWER = "answer"
    SILENCE = "silence"
    """Nothing breaks, but no answer ever comes: what a load balancer does whose server is gone."""


class FaultyProxy:
    """Passes messages on, and counts those of clients since `break_at` was called."""

    def __init__(self, target: int) -> None:
        self.seen: list[bytes] = []
        """What clients have sent."""
        self._target = target
        self._losses: dict[int, Loss] = {}
        self._marked: tuple[bytes, Loss] | None = None
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def break_at(self, *numbers: int, loss: Loss) -> None:
        """Break the connection at the messages of clients with these numbers from now on, the first being 0."""
        with self._lock:
            self.seen.clear()
            self._losses = dict.fromkeys(numbers, loss)

    def break_on(self, text: bytes, loss: Loss) -> None:
        """Break the connection at the next message that has this text in it."""
        with self._lock:
            self._marked = (text, loss)

    def close(self) -> None:
        """Break everything, and take no more connections."""
        self._listener.close()
        for one in self._open:
            _break(one)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            _break(client)
            return
        self._open.append(server)
        is_mute = threading.Event()
        threading.Thread(target=_pass_answers, args=(server, client, is_mute), daemon=True).start()
        with suppress(OSError):
            while message := client.recv(_CHUNK):
                loss = self._judge(message)
                if loss is Loss.MESSAGE:
                    break
                if loss is not None:
                    is_mute.set()
                server.sendall(message)
                if loss is Loss.ANSWER:
                    # Long enough for the server to have done it.
                    threading.Event().wait(0.1)
                    break
        _break(client)
        _break(server)

    def _judge(self, message: bytes) -> Loss | None:
        with self._lock:
            self.seen.append(message)
            if self._marked and self._marked[0] in message:
                (_, loss), self._marked = self._marked, None
                return loss
            return self._losses.get(len(self.seen) - 1)


def _pass_answers(server: socket.socket, client: socket.socket, is_mute: threading.Event) -> None:
    with suppress(OSError):
        while answer := server.recv(_CHUNK):
            if not is_mute.is_set():
                client.sendall(answer)
    if not is_mute.is_set():
        _break(client)


def _break(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def faulty_proxy(target: int) -> Iterator[FaultyProxy]:
    """Run a proxy before a port of this machine while the block runs."""
    proxy = FaultyProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
