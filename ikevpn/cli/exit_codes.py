"""What the exit status of `ikevpn` means: one table, read by the commands, by `--help` and by the documentation.

python -m ikevpn.cli.exit_codes        writes docs/exit-codes.md to standard output
"""

from __future__ import annotations

from enum import IntEnum

from ikevpn.errors import ConfigError, HostError, IkevpnError


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    HOST = 3
    UNKNOWN_TUNNEL = 4
    TIMEOUT = 5
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "It worked.",
    ExitCode.FAILED: "It failed: the peer refused or did not answer, or what was asked for is not so "
    "(`status --problems`: there are some).",
    ExitCode.USAGE: "The command line or the configuration is wrong.",
    ExitCode.HOST: "This host refuses (not root, no capability, port in use, no TUN device), or no daemon answers.",
    ExitCode.UNKNOWN_TUNNEL: "There is no tunnel or child of that name.",
    ExitCode.TIMEOUT: "It did not happen within `--timeout`.",
    ExitCode.INTERRUPTED: "Interrupted from the keyboard.",
}

_REASONS: dict[str, ExitCode] = {
    "tunnel-unknown": ExitCode.UNKNOWN_TUNNEL,
    "timeout": ExitCode.TIMEOUT,
    "config": ExitCode.USAGE,
    "usage": ExitCode.USAGE,
    "protocol": ExitCode.HOST,
    "host": ExitCode.HOST,
}


def of_error(error: IkevpnError) -> ExitCode:
    """The status with which a command ends that raised `error`."""
    if isinstance(error, ConfigError):
        return ExitCode.USAGE
    if isinstance(error, HostError):
        return ExitCode.HOST
    return of_reason(error.reason)


def of_reason(reason: str, kind: str = "") -> ExitCode:
    """The status for a daemon's error, by its reason or else by the kind of error that it says it is."""
    return _REASONS.get(reason, _REASONS.get(kind, ExitCode.FAILED))


def document() -> str:
    """The page for docs/."""
    rows = "".join(f"| {code.value} | {meaning} |\n" for code, meaning in MEANINGS.items())
    return f"# Exit codes\n\nEvery `ikevpn` command ends with one of these.\n\n| status | meaning |\n|---|---|\n{rows}"


if __name__ == "__main__":
    print(document(), end="")
