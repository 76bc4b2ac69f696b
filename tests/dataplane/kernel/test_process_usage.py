from ikevpn.dataplane.kernel.process_usage import OwnUse


def test_time_and_memory_grow() -> None:
    own = OwnUse()
    before = own.read()
    assert before.cpu_s > 0 and 1 << 20 < before.resident_bytes < 1 << 33
    room = bytearray(b"x") * (64 << 20)
    while own.read().cpu_s == before.cpu_s:
        room.reverse()
    assert own.read().resident_bytes > before.resident_bytes + (32 << 20)
