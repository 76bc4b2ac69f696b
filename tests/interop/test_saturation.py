from interop.loads.saturation import read

REPORT = """\
Accepted connection from 127.0.0.1, port 54218
[ ID] Interval           Transfer     Bitrate
[  5]   0.00-1.00   sec  2.91 GBytes  24966743 Kbits/sec
[  5]   1.00-2.00   sec  0.00 Bytes  0.00 Kbits/sec
[  5]   2.00-2.01   sec   128 KBytes  7084973 Kbits/sec
- - - - - - - - - - - - - - - - - - - - - - - - -
[  5]   0.00-2.01   sec  5.85 GBytes  25129248 Kbits/sec                  receiver
"""


def test_whole_seconds_are_read_and_the_sum_is_not() -> None:
    assert read(REPORT) == [24966.743, 0.0]
    assert read("") == []
