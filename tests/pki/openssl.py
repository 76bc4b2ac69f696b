"""openssl as the other side: what it writes we read, what we write it reads."""

from __future__ import annotations

import subprocess


def openssl(*arguments: object, octets: bytes = b"") -> bytes:
    """What `openssl` prints; a failure is the test's."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=octets, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
