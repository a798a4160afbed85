"""The far end of a trunk port for one VLAN, where the kernel has no VLAN devices: frames from a tap go out with a tag
(IEEE 802.1Q), frames that come in with that tag go to the tap, as they were without it.

usage: tagger.py PORT VLAN NETNS TAP; the tap is made in the network namespace, which is there
"""

import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import sys

port, vlan, netns, tap = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))

SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR = 263, 8, 15
VNET_HDR = 10
TP_STATUS_VLAN_VALID = 0x10

trunk = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
trunk.bind((port, 0))
trunk.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
# A frame from the same machine may have no checksum yet: with this header in front the tap knows (virtio, 5.1.6).
trunk.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
# PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC: the tap has an address of its own.
index = socket.if_nametoindex(port)
trunk.setsockopt(SOL_PACKET, 1, struct.pack("IHH8s", index, 1, 0, b""))

home = os.open("/proc/self/ns/net", os.O_RDONLY)
libc = ctypes.CDLL(None, use_errno=True)
with open(f"/run/netns/{netns}") as there:
    if libc.setns(there.fileno(), 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")
device = os.open("/dev/net/tun", os.O_RDWR)
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000
fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", tap.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
libc.setns(home, 0)
print("ready", flush=True)

while True:
    readable, _, _ = select.select([trunk, device], [], [])
    if device in readable:
        # What comes out of the tap is whole: nobody told it that we could do more.
        data = os.read(device, 65536)[VNET_HDR:]
        tag = struct.pack("!HH", 0x8100, vlan)
        trunk.send(bytes(VNET_HDR) + data[:12] + tag + data[12:])
    if trunk in readable:
        data, extra, _, source = trunk.recvmsg(65536 + VNET_HDR, 256)
        if source[2] == socket.PACKET_OUTGOING:
            continue
        for level, kind, value in extra:
            if level != SOL_PACKET or kind != PACKET_AUXDATA:
                continue
            # struct tpacket_auxdata: the kernel has taken the tag out of the frame.
            status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", value)
            if status & TP_STATUS_VLAN_VALID and tci & 0xFFF == vlan:
                os.write(device, data)
