#!/bin/sh
# Makes sure that the system has what `make` needs, or says in one sentence what it lacks.
#
#   packages.sh python [PYTHON]   an interpreter that can make virtual environments
#   packages.sh demo              what `make demo` needs
#   packages.sh test              what `make test` needs: real peers, their kernel guest, tshark
#
# As root on a Debian system missing packages are installed; otherwise nothing is changed.
set -eu

# command:package, a space between pairs
DEMO="ip:iproute2 nft:nftables ping:iputils-ping sysctl:procps"
TEST="$DEMO openssl:openssl scepserver:scep slapd:slapd systemd-analyze:systemd /usr/include/linux/unistd.h:linux-libc-dev conntrack:conntrack tcpdump:tcpdump tshark:tshark iperf3:iperf3 ethtool:ethtool
 /usr/lib/ipsec/charon:strongswan-charon swanctl:strongswan-swanctl
 /usr/lib/ipsec/plugins/libstrongswan-gcm.so:libstrongswan-standard-plugins
 /usr/lib/ipsec/plugins/libstrongswan-ctr.so:libstrongswan-extra-plugins
 /usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so:libcharon-extra-plugins
 linux.uml:user-mode-linux mmdebstrap:mmdebstrap mkfs.ext4:e2fsprogs cc:gcc /usr/include/stdio.h:libc6-dev"

lacking() {
    for pair in $1; do
        tool=${pair%:*}
        case $tool in
        /*) test -e "$tool" ;;
        *) PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null 2>&1 ;;
        esac || printf '%s ' "${pair##*:}"
    done
}

provide() {
    missing=$(lacking "$1")
    test -n "$missing" || return 0
    if test "$(id -u)" != 0 || ! command -v apt-get >/dev/null 2>&1; then
        echo "make: please install these Debian packages (or run as root, and it is done for you): $missing" >&2
        exit 1
    fi
    echo "make: installing $missing" >&2
    export DEBIAN_FRONTEND=noninteractive
    echo 'wireshark-common wireshark-common/install-setuid boolean false' | debconf-set-selections
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
    still=$(lacking "$1")
    test -z "$still" || { echo "make: the packages are installed and something is still missing: $still" >&2; exit 1; }
}

case ${1:-} in
python)
    python=${2:-python3}
    if ! command -v "$python" >/dev/null 2>&1; then
        test "$python" = python3 || { echo "make: there is no $python: name another with make PYTHON=…" >&2; exit 1; }
        provide "python3:python3"
    fi
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "make: ikevpn needs Python 3.11 or newer, $python is $("$python" -V): name another with make PYTHON=…" >&2
        exit 1
    fi
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        provide "/usr/lib/python$version/ensurepip/__init__.py:python3-venv"
    fi
    ;;
demo) provide "$DEMO" ;;
test) provide "$TEST" ;;
*)
    echo "usage: packages.sh python|demo|test" >&2
    exit 2
    ;;
esac
