from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.userspace.packet import vnet
from ikevpn.dataplane.userspace.packet.vnet import Offload

words = st.integers(0, 0xFFFF)


@given(st.builds(Offload, st.integers(0, 255), st.integers(0, 255), words, words, words, words))
def test_read_what_was_written(offload: Offload) -> None:
    written = vnet.write(offload)
    assert len(written) == vnet.SIZE == 10
    assert vnet.read(written + b"packet") == offload


def test_nothing_left_to_do() -> None:
    assert vnet.read(vnet.PLAIN) == Offload(0, vnet.NONE, 0, 0, 0, 0)
    assert not vnet.read(vnet.PLAIN).incomplete
    assert Offload(vnet.NEEDS_CHECKSUM, 0, 0, 0, 20, 16).incomplete
