"""A host's part in the packet tests: servers, clients, and packets that no well-behaved host sends.

serve   '{"tcp": [80], "udp": [53]}'   says "ready", then answers each client with its address as seen here
dial    [{"to", "port", ...}, ...]     JSON on standard input; one result each, all at the same time
send    [{"to", "port", "sport"}, ...] JSON on standard input; datagrams nobody waits for an answer to
frames  DEVICE MAC                     JSON on standard input: packets, each a list of [scapy layer, fields]
"""

import asyncio
import errno
import json
import socket
import subprocess
import sys


def plain(address):
    return address.removeprefix("::ffff:").split("%")[0]


async def greet(reader, writer):
    remote, local = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    try:
        writer.write(f"you are {plain(remote[0])} at {plain(local[0])} port {local[1]}\n".encode())
        # Then an echo, for flows that last.
        while line := await reader.readline():
            writer.write(line)
        writer.close()
    except OSError:
        pass


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, port):
        self.port = port

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, remote):
        self.transport.sendto(f"you are {plain(remote[0])} port {self.port}\n".encode(), remote)


def found(address, port, kind):
    return socket.getaddrinfo(address, port, type=kind, flags=socket.AI_NUMERICHOST)[0]


def local_addresses():
    links = json.loads(subprocess.run(["ip", "-json", "address"], capture_output=True, check=True).stdout)
    for link in links:
        for address in link["addr_info"]:
            scope = f"%{link['ifname']}" if address["scope"] == "link" and address["family"] == "inet6" else ""
            yield address["local"] + scope


async def serve(ports):
    loop = asyncio.get_running_loop()
    for port in ports.get("tcp", []):
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        await asyncio.start_server(greet, sock=listener)
    for port in ports.get("udp", []):
        # A socket for each address: one for all would answer from another than it was asked at.
        for address in local_addresses():
            listener = socket.socket(*found(address, port, socket.SOCK_DGRAM)[:2])
            listener.bind(found(address, port, socket.SOCK_DGRAM)[4])
            await loop.create_datagram_endpoint(lambda port=port: Datagrams(port), sock=listener)
    print("ready", flush=True)
    await asyncio.Event().wait()


UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM}


async def dial(call):
    udp = call.get("protocol") == "udp"
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    family, _, _, _, address = found(call["to"], call["port"], kind)
    loop = asyncio.get_running_loop()
    with socket.socket(family, kind) as client:
        client.setblocking(False)
        try:
            if "from" in call or "sport" in call:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                wildcard = "::" if family == socket.AF_INET6 else "0.0.0.0"
                client.bind(found(call.get("from", wildcard), call.get("sport", 0), kind)[4])
            async with asyncio.timeout(call["ms"] / 1000):
                await loop.sock_connect(client, address)
                if udp:
                    await loop.sock_sendall(client, call.get("text", "hello").encode())
                said = await loop.sock_recv(client, 1000)
            return {"result": "open", "said": said.decode("latin1").strip()}
        except TimeoutError:
            return {"result": "timeout"}
        except OSError as error:
            if error.errno in (errno.ECONNREFUSED, errno.ECONNRESET):
                return {"result": "refused"}
            if error.errno in UNREACHABLE:
                return {"result": "unreachable"}
            raise


async def dial_all(calls):
    return await asyncio.gather(*map(dial, calls))


def send(datagrams):
    sockets = {}
    for datagram in datagrams:
        family, _, _, _, address = found(datagram["to"], datagram["port"], socket.SOCK_DGRAM)
        key = (family, datagram["sport"])
        if key not in sockets:
            sockets[key] = socket.socket(family, socket.SOCK_DGRAM)
            sockets[key].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sockets[key].setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sockets[key].bind(("::" if family == socket.AF_INET6 else "", datagram["sport"]))
        sockets[key].sendto(datagram.get("text", "hello").encode(), address)


def frames(device, mac, packets):
    from functools import reduce

    import scapy.all as scapy

    with scapy.conf.L2socket(iface=device) as link:
        for layers in packets:
            fields = [getattr(scapy, name)(**values) for name, values in layers]
            ether = [] if mac == "-" else [scapy.Ether(dst=mac)]
            link.send(reduce(lambda below, above: below / above, ether + fields))


match sys.argv[1:]:
    case ["serve", ports]:
        asyncio.run(serve(json.loads(ports)))
    case ["dial"]:
        print(json.dumps(asyncio.run(dial_all(json.load(sys.stdin)))))
    case ["send"]:
        send(json.load(sys.stdin))
    case ["frames", device, mac]:
        frames(device, mac, json.load(sys.stdin))
    case _:
        sys.exit(__doc__)
