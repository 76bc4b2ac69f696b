from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP, IPOption, defragment
from scapy.packet import Raw

from ikevpn.dataplane.userspace.packet.fragment import fragments

COPIED, FIRST_ONLY = bytes([0x83, 3, 0]), bytes([7, 3, 0])  # source route, record route


def packet(size: int, options: bytes = b"", **ip: object) -> bytes:
    header = IP(
        src="10.1.1.1", dst="10.2.2.2", id=77, tos=0x2A, ttl=9, options=IPOption(options) if options else [], **ip
    )
    return bytes(header / UDP(sport=1, dport=2) / Raw(bytes(n % 251 for n in range(size))))


@given(size=st.integers(0, 5000), largest=st.integers(100, 1500))
def test_scapy_puts_them_together_again(size: int, largest: int) -> None:
    whole = packet(size)
    pieces = fragments(whole, largest)
    assert all(len(piece) <= largest for piece in pieces)
    assert [bytes(IP(piece)) for piece in pieces] == pieces
    for piece in pieces:
        again = IP(piece)
        del again.chksum, again.len
        assert bytes(again) == piece
    (together,) = defragment([IP(piece) for piece in pieces])
    assert bytes(together) == whole


def test_what_fits_stays_whole() -> None:
    whole = packet(100)
    assert fragments(whole, len(whole)) == [whole]
    assert len(fragments(whole, len(whole) - 1)) == 2


def test_fragments_of_fragments() -> None:
    whole = packet(4000)
    middle = fragments(whole, 1420)[1]
    pieces = [piece for part in fragments(whole, 1420) for piece in fragments(part, 500)]
    assert all(IP(piece).flags.MF for piece in fragments(middle, 500))
    (together,) = defragment([IP(piece) for piece in pieces])
    assert bytes(together) == whole


def test_options_are_copied_where_they_must_be() -> None:
    whole = packet(300, FIRST_ONLY + COPIED + bytes(2))
    first, second = (IP(piece) for piece in fragments(whole, 200)[:2])
    assert bytes(first)[20:28] == bytes(IP(whole))[20:28]
    assert bytes(second)[20 : second.ihl * 4] == COPIED + b"\0"


def test_broken_options_end_the_list() -> None:
    for options in (COPIED + bytes([0x83, 9, 0, 0, 0]), COPIED + bytes([0x88, 1, 0, 0, 0])):
        header = bytes([0x47]) + packet(300)[1:20] + options
        second = fragments(header + packet(300)[20:], 200)[1]
        assert second[20 : (second[0] & 15) * 4] == COPIED + b"\0"


def test_no_room_for_anything() -> None:
    assert fragments(packet(100), 27) == []
    assert len(fragments(packet(8), 28)) == 2
