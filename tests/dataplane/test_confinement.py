import subprocess
import sys


def test_nothing_is_left_to_misuse() -> None:
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "import resource\n"
        "from ikevpn.dataplane.confinement import confine\n"
        "confine(); confine()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))\n"
        "kept = ('CapEff', 'CapPrm', 'NoNewPrivs')\n"
        "print(*(line.strip() for line in open('/proc/self/status') if line.startswith(kept)))\n"
    )
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    none = "0" * 16
    assert printed.splitlines() == ["(0, 0)", f"CapPrm:\t{none} CapEff:\t{none} NoNewPrivs:\t1"]
