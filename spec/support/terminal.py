"""Runs a command in a terminal: terminal.py COLUMNS ROWS COMMAND...

What the terminal shows goes to standard output as it is. Standard input takes one JSON object a line: {"keys": text},
{"resize": [columns, rows]} or {"signal": number}. At the end one goes to standard error: the exit code, or the number
of the signal below 0, and whether the terminal echoes what is typed, as before.
"""

import fcntl
import json
import os
import select
import struct
import sys
import termios


def resize(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def obey(line, pid, fd):
    order = json.loads(line)
    if "keys" in order:
        os.write(fd, order["keys"].encode())
    if "resize" in order:
        resize(fd, *order["resize"])
    if "signal" in order:
        os.kill(pid, order["signal"])


def own(terminal):
    """Makes it the terminal of this process."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for standard in range(3):
        os.dup2(terminal, standard)


def show(fd):
    """Passes on what is there, and tells whether that was something."""
    if not select.select([fd], [], [], 0)[0]:
        return False
    os.write(1, os.read(fd, 65536))
    return True


def main():
    columns, rows, *command = sys.argv[1:]
    fd, terminal = os.openpty()
    resize(fd, int(columns), int(rows))
    pid = os.fork()
    if pid == 0:
        own(terminal)
        os.execvp(command[0], command)
    end = os.pidfd_open(pid)
    # Without a buffer, in which a second order would wait unseen.
    orders = open(0, "rb", buffering=0)
    sources = [fd, end, orders]
    while end in sources:
        for ready in select.select(sources, [], [])[0]:
            if ready == fd:
                show(fd)
            elif ready == end:
                sources.remove(end)
            elif line := orders.readline():
                obey(line, pid, fd)
            else:
                sources.remove(orders)
    while show(fd):
        pass
    echoes = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps({"status": status, "echoes": echoes}), file=sys.stderr)


main()
