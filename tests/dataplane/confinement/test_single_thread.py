from __future__ import annotations

import subprocess
import sys
import threading

from ikevpn.dataplane.confinement import single_thread
from tests.conftest import REPOSITORY


def test_the_daemon_has_no_other_thread_once_it_is_imported() -> None:
    program = (
        "from ikevpn.dataplane.confinement import single_thread\nsingle_thread.keep()\n"
        "import ikevpn.service.daemon\nprint(single_thread.others())"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert ended.stdout == "0\n"


def test_others_are_counted() -> None:
    before, end = single_thread.others(), threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    assert single_thread.others() == before + 1
    end.set()
    thread.join()
