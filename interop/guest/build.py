"""Builds the image of the kernel guest, once, into a cache folder.

    python -m interop.guest.build [--force]

The folder is `IKEVPN_GUEST` (default /var/tmp/ikevpn-guest-UID). The image's name carries a digest of its recipe, so
that a changed list of packages or a changed script makes a new
image. Everything comes from the Debian archive that apt knows.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from interop.lab.outcome import InteropError, Missing

SUITE = "bookworm"
UML = "/usr/bin/linux.uml"
UML_MODULES = Path("/usr/lib/uml/modules")
TOOLS = {"mmdebstrap": "mmdebstrap", "mkfs.ext4": "e2fsprogs", "linux.uml": "user-mode-linux", "cc": "gcc"}
PACKAGES = (
    # strongSwan on the kernel's IPsec
    *("strongswan-charon", "strongswan-swanctl", "libstrongswan-standard-plugins", "libstrongswan-extra-plugins"),
    # what libreswan needs; it cannot be installed beside strongSwan, so it is only unpacked
    *("libnss3-tools", "libcurl3-nss", "libevent-core-2.1-7", "libevent-pthreads-2.1-7", "libldap-2.5-0", "libldns3"),
    *("libunbound8", "libcap-ng0", "libaudit1", "dns-root-data"),
    # the guest's own needs
    *("iproute2", "iputils-ping", "kmod", "procps", "tcpdump", "python3"),
)
_UNPACK_LIBRESWAN = (
    'chroot "$1" sh -ec "cd /tmp; apt-get download libreswan; dpkg -x libreswan_*.deb /opt/libreswan; '
    'rm libreswan_*.deb; cp -a /opt/libreswan/usr/libexec/ipsec /usr/libexec/"'
)
_HERE = Path(__file__).parent
_REGISTERS = _HERE / "wide_registers.c"
_SCRIPTS = {"init.sh": "sbin/interop-init", "agent.py": "sbin/interop-agent"}


def cache() -> Path:
    """The folder that keeps images."""
    return Path(os.environ.get("IKEVPN_GUEST", f"/var/tmp/ikevpn-guest-{os.getuid()}"))


def image() -> Path:
    """Where the image of the present recipe is, whether or not it has been built."""
    recipe = hashlib.sha256(repr((SUITE, PACKAGES, _UNPACK_LIBRESWAN)).encode())
    for script in _SCRIPTS:
        recipe.update((_HERE / script).read_bytes())
    return cache() / f"guest-{recipe.hexdigest()[:12]}.img"


def registers() -> Path:
    """Where the library is that must be loaded before `UML` (see its source), whether or not it has been built."""
    return cache() / f"registers-{hashlib.sha256(_REGISTERS.read_bytes()).hexdigest()[:12]}.so"


def ready() -> bool:
    """Whether a guest can be started."""
    return image().exists() and registers().exists()


def build() -> Path:
    """Build the image unless it is there; takes a minute or two. Raises `Missing` for a tool that is not installed."""
    target, preload = image(), registers()
    if ready():
        return target
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        raise Missing(f"building the kernel guest needs: apt-get install --no-install-recommends {' '.join(missing)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    _compile(preload)
    if target.exists():
        return target
    tree = target.with_suffix(f".tree-{os.getpid()}")
    draft = target.with_suffix(f".draft-{os.getpid()}")
    try:
        _bootstrap(tree)
        _furnish(tree)
        _write_image(tree, draft)
        draft.rename(target)
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        draft.unlink(missing_ok=True)
    return target


def _compile(target: Path) -> None:
    draft = target.with_suffix(f".draft-{os.getpid()}")
    _call("cc", "-O2", "-shared", "-fPIC", "-o", str(draft), str(_REGISTERS), "-ldl")
    draft.rename(target)


def _bootstrap(tree: Path) -> None:
    _call(
        "mmdebstrap",
        "--variant=minbase",
        "--mode=root",
        "--quiet",
        f"--include={','.join(PACKAGES)}",
        f"--customize-hook={_UNPACK_LIBRESWAN}",
        SUITE,
        str(tree),
    )


def _furnish(tree: Path) -> None:
    modules = tree / "lib/modules"
    modules.mkdir(parents=True, exist_ok=True)
    for version in UML_MODULES.iterdir():
        shutil.copytree(version, modules / version.name, symlinks=True)
        _call("chroot", str(tree), "depmod", version.name)
    for source, place in _SCRIPTS.items():
        shutil.copyfile(_HERE / source, tree / place)
        (tree / place).chmod(0o755)


def _write_image(tree: Path, draft: Path) -> None:
    with draft.open("wb") as file:
        file.truncate(2 << 30)
    _call("mkfs.ext4", "-q", "-d", str(tree), "-O", "^has_journal,^metadata_csum", "-m", "0", str(draft))


def _call(*argv: str) -> None:
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    if done.returncode != 0:
        raise InteropError(f"`{argv[0]}` failed while building the kernel guest: {done.stdout.strip()[-2000:]}")


def main(words: list[str]) -> int:
    """Build, print where the image is."""
    if "--force" in words:
        image().unlink(missing_ok=True)
    try:
        print(build())
    except InteropError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
