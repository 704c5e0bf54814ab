"""A receiver of Alertmanager's mails that keeps what arrives."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from email.message import Message

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler


class Mailbox(MessageHandler):
    """Keeps the mails that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.mails.append(message)


@contextlib.contextmanager
def mail_server(address: str = "127.0.0.1") -> Iterator[tuple[str, list[Message]]]:
    """Host and port of a server on an address of this machine, and the mails that it got."""
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname=address, port=port)
    controller.start()
    try:
        yield f"{address}:{port}", mailbox.mails
    finally:
        controller.stop()
