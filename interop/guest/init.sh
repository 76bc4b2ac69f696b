#!/bin/bash
# First process of the guest: mounts, modules, the management link, then the agent for ever.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t devpts pts /dev/pts
mount -t tmpfs none /run
mount -t tmpfs none /tmp
mkdir -p /run/lock /run/netns
modprobe -qa af_packet xfrm_user esp4 esp6 ah4 ah6 xfrm4_tunnel authenc echainiv seqiv gcm ghash-generic cbc ctr ecb hmac \
    sha1 sha256 sha512 md5 des_generic crypto_null tun veth
hostname guest
echo "127.0.0.1 localhost guest" >/etc/hosts
set -- $(ls /sys/class/net | grep -E '^(vec|eth)')
ip link set lo up
ip link set "$1" name outer
ip link set outer up
ip link set "$2" name manage
ip link set manage up
ip addr add 169.254.77.2/30 dev manage
while :; do
    python3 /sbin/interop-agent
    sleep 0.1
done
