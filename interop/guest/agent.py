"""Runs in the guest: does what the scenario asks over the management link. Stands alone; needs only the standard library.

A connection carries one request, a line of JSON, and its answer, another:

    {"run": [argv], "text": str|null}                  -> {"status": int, "output": str}
    {"spawn": [argv], "environment": {}, "log": path}  -> {"status": pid, "output": ""}
    {"poll": pid}                                      -> {"status": exit status, or null while it runs, "output": ""}
    {"end": pid}                                       -> {"status": exit status, "output": ""}
    {"write": path, "text": str, "mode": int}          -> {"status": 0, "output": ""}
    {"read": path}                                     -> {"status": 0, "output": str}
"""

import json
import os
import signal
import socket
import subprocess
import threading

ADDRESS = ("169.254.77.2", 2323)
started: dict[int, subprocess.Popen] = {}


def run(run, text=None):
    done = subprocess.run(
        run, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    return done.returncode, done.stdout


def spawn(spawn, environment, log):
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "wb") as output:
        popen = subprocess.Popen(
            spawn,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **environment},
        )
    started[popen.pid] = popen
    return popen.pid, ""


def poll(poll):
    return started[poll].poll(), ""


def end(end):
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(end, number)
            started[end].wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
    return started[end].wait(), ""


def write(write, text, mode):
    os.makedirs(os.path.dirname(write), exist_ok=True)
    with open(write, "w") as file:
        os.chmod(write, mode)
        file.write(text)
    return 0, ""


def read(read):
    if not os.path.exists(read):
        return 0, ""
    with open(read, errors="replace") as file:
        return 0, file.read()


VERBS = {"run": run, "spawn": spawn, "poll": poll, "end": end, "write": write, "read": read}


def answer(connection):
    with connection, connection.makefile("rw") as lines:
        request = json.loads(lines.readline())
        try:
            status, output = VERBS[next(iter(request))](**request)
        except OSError as error:
            status, output = 127, str(error)
        lines.write(json.dumps({"status": status, "output": output}) + "\n")


def main():
    with socket.create_server(ADDRESS) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
