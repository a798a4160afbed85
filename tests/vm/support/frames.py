"""Sends the same frames again and again, in turn, until it is interrupted; then says how often each was sent.

usage: frames.py PORT PAUSE_SECONDS <FRAMES, a JSON list of lists [layer, fields] of scapy's layers
"""

import json
import signal
import socket
import sys
import time

import scapy.layers.dhcp
import scapy.layers.dns
import scapy.layers.inet
import scapy.layers.inet6
import scapy.layers.l2
from scapy.packet import Raw

MODULES = [scapy.layers.l2, scapy.layers.inet, scapy.layers.inet6, scapy.layers.dhcp, scapy.layers.dns]


def layer(name, fields):
    if name == "Raw":
        return Raw(fields["load"].encode())
    for module in MODULES:
        if hasattr(module, name):
            cls = getattr(module, name)
            break
    if name == "DHCP":
        fields = {"options": [tuple(o) if isinstance(o, list) else o for o in fields["options"]]}
    if name == "BOOTP":
        fields = {**fields, "chaddr": bytes.fromhex(fields["chaddr"].replace(":", ""))}
    if name == "DNS":
        fields = {"rd": 1, "id": 7, "qd": scapy.layers.dns.DNSQR(qname=fields["name"], qtype="A")}
    return cls(**fields)


def frame(layers):
    whole = None
    for name, fields in layers:
        whole = layer(name, fields) if whole is None else whole / layer(name, fields)
    return bytes(whole)


stopped = False


def stop(*_):
    global stopped
    stopped = True


signal.signal(signal.SIGINT, stop)
frames = [frame(layers) for layers in json.load(sys.stdin)]
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((sys.argv[1], 0))
rounds = 0
print("ready", flush=True)
while not stopped:
    for data in frames:
        try:
            out.send(data)
        except OSError:
            pass  # no carrier: the machine is off
    rounds += 1
    time.sleep(float(sys.argv[2]))
print(f"ROUNDS {rounds}", flush=True)
