import socket

from ikevpn.dataplane.kernel.sockets import lost


def test_what_does_not_fit_into_the_queue_is_told() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        end.bind(("127.0.0.1", 0))
        assert lost(end) == 0
        end.setblocking(False)
        for _ in range(200):
            far.sendto(bytes(1000), end.getsockname())
        read = 0
        try:
            while end.recv(2000):
                read += 1
        except BlockingIOError:
            pass
        assert read > 0
        assert lost(end) == 200 - read


def test_where_the_kernel_does_not_say() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.close()
        assert lost(end) == 0
