from ikevpn.dataplane.kernel.process_usage import Use
from ikevpn.service.history.process_use import ProcessUse, of_all


def test_our_own_process_and_the_workers() -> None:
    control, worker = of_all({"worker": Use(1.5, 4096)})
    assert worker == ProcessUse("worker", 1.5, 4096)
    assert control.name == "control" and control.cpu_s > 0
