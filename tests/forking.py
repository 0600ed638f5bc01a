"""A `relance` that starts at once: a process that has imported the product forks one for each call.

`python -m tests.forking DIRECTORY` serves; it first puts a program `relance` into the directory that hands over its
words, its working directory and its three streams, and ends with the status that it is told.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from importlib import import_module
from pathlib import Path

__all__ = ["PROGRAM", "main"]

PROGRAM = """\
#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({path!r})
    words = json.dumps([os.getcwd(), *sys.argv[1:]]).encode()
    socket.send_fds(server, [words], [0, 1, 2])
    sys.exit(int(server.recv(16) or b"1"))
"""


def main() -> None:
    """Serve until stdin ends or this process is killed."""
    from server.__main__ import main as relance
    from server.cli import COMMANDS

    for module, _ in COMMANDS.values():
        import_module(f"server.cli.{module}")
    for module in ("server.bootstrap", "server.message_channels", "server.mail", "bots.commands", "bots.terminal.chat"):
        import_module(module)
    directory = Path(sys.argv[1])
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(directory / "socket"))
        listening.listen()
        program = directory / "relance"
        program.write_text(PROGRAM.format(python=sys.executable, path=str(directory / "socket")))
        program.chmod(0o755)
        print("ready", flush=True)
        while True:
            client, _ = listening.accept()
            with client:
                client.sendall(str(_answer(client, relance)).encode())


def _answer(client: socket.socket, relance: object) -> int:
    said, streams, _, _ = socket.recv_fds(client, 65536, 3)
    directory, *words = json.loads(said)
    child = os.fork()
    if child == 0:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.chdir(directory)
        sys.argv = ["relance", *words]
        _end_with(relance)
    for stream in streams:
        os.close(stream)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _end_with(relance: object) -> None:
    """Do what the child is for, and end it: nothing of the server's is to run in it."""
    status = 1
    try:
        assert callable(relance)
        relance()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
