from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.userspace.index.flow_memory import FlowMemory
from ikevpn.esp.packet.inner import Flow
from ikevpn.esp.packet.selection import Selection
from ikevpn.model.address import AddressRange
from ikevpn.model.sa import Direction
from ikevpn.model.selector import Selector

DEVICES = st.sampled_from(["one", "two"])
TARGETS = st.integers(0, 7).map(lambda n: bytes([10, 0, 0, n]))
FLOWS = st.builds(Flow, st.just(4), st.just(bytes(4)), TARGETS, st.just(6))
NETWORKS = ["0.0.0.0/0", "10.0.0.0/30", "10.0.0.5", "10.0.0.2-10.0.0.5", "10.9.0.0/16"]
REMOTES = st.sampled_from(NETWORKS).map(AddressRange.of)
CHANGES = st.one_of(
    st.tuples(st.just("add"), DEVICES, FLOWS, st.one_of(st.none(), st.integers(1, 3))),
    st.tuples(st.just("reqid"), st.integers(1, 3)),
    st.tuples(st.just("policy"), DEVICES, REMOTES),
)


@given(st.lists(CHANGES, max_size=60))
def test_what_a_change_concerns_is_forgotten_and_nothing_else(changes: list[tuple[object, ...]]) -> None:
    memory: FlowMemory[int] = FlowMemory(100)
    oracle: dict[tuple[str, Flow], tuple[int, int | None]] = {}
    for number, change in enumerate(changes):
        match change:
            case ("add", str(device), Flow() as flow, reqid):
                assert reqid is None or isinstance(reqid, int)
                memory.add((device, flow), number, flow, reqid)
                oracle[device, flow] = (number, reqid)
            case ("reqid", int(reqid)):
                memory.forget_reqid(reqid)
                oracle = {key: value for key, value in oracle.items() if value[1] != reqid}
            case ("policy", str(device), AddressRange() as remote):
                selection = Selection((Selector(AddressRange.everything(4), remote),), Direction.OUT)
                memory.forget_covered(device, remote, selection)
                oracle = {
                    key: value for key, value in oracle.items() if key[0] != device or not selection.admits(key[1])
                }
        assert len(memory) == len(oracle)
        assert all(memory.get(key) == value for key, (value, _) in oracle.items())


def test_the_oldest_gives_way() -> None:
    memory: FlowMemory[int] = FlowMemory(10)
    for number in range(1000):
        memory.add(("one", number), number, Flow(4, bytes(4), number.to_bytes(4, "big"), 6), 1)
    assert len(memory) == 10
    assert [memory.get(("one", number)) for number in (989, 990, 999)] == [None, 990, 999]
    memory.forget_reqid(1)
    assert (len(memory), memory._bases, memory._of_reqid, memory._targets) == (0, {}, {}, {})
