import { z } from 'zod'
import type { Lab } from '../../../src/lab/lab.ts'

/*
 * What a household does while something happens to its router: two TCP connections that talk all the time, one
 * through NAT and one over IPv6, new connections, and questions for names.
 */

const SERVER = `
import socket, threading
def echo(peer):
    while data := peer.recv(64):
        peer.sendall(data)
server = socket.create_server(("::", 7777), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    peer, _ = server.accept()
    threading.Thread(target=echo, args=(peer,), daemon=True).start()
`

const CLIENT = `
import json, os, signal, socket, struct, subprocess, sys, threading, time
stop = threading.Event()
signal.signal(signal.SIGINT, lambda *_: stop.set())
report = {}
ready = threading.Semaphore(0)

def flow(name, address):
    seen = report[name] = {"rounds": 0, "longestMs": 0, "pauseMs": 0, "error": ""}
    try:
        peer = socket.create_connection((address, 7777), timeout=30)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ready.release()
        while not stop.is_set():
            start, sent = time.monotonic(), struct.pack("!Q", seen["rounds"])
            peer.sendall(sent)
            got = b""
            while len(got) < 8:
                part = peer.recv(8 - len(got))
                if not part:
                    raise OSError("closed by the far side")
                got += part
            if got != sent:
                raise OSError("another answer than what was sent")
            seen["rounds"] += 1
            seen["longestMs"] = max(seen["longestMs"], int(1000 * (time.monotonic() - start)))
            stop.wait(0.05)
    except OSError as error:
        seen["error"] = str(error)
        ready.release()

def again(name, argv):
    seen = report[name] = {"rounds": 0, "longestMs": 0, "pauseMs": 0, "error": ""}
    good = time.monotonic()
    while not stop.is_set():
        start = time.monotonic()
        done = subprocess.run(argv, capture_output=True, text=True)
        seen["rounds"] += 1
        seen["longestMs"] = max(seen["longestMs"], int(1000 * (time.monotonic() - start)))
        now = time.monotonic()
        if done.returncode == 0 and done.stdout.strip() != "":
            seen["pauseMs"] = max(seen["pauseMs"], int(1000 * (now - good)))
            good = now
        elif not stop.is_set():
            seen["error"] += f"{time.strftime('%H:%M:%S')} {argv[-1]}: code {done.returncode} {done.stdout}{done.stderr}".strip() + "; "
        stop.wait(0.3)
    seen["pauseMs"] = max(seen["pauseMs"], int(1000 * (time.monotonic() - good)))

dig = ["dig", "+short", "+time=2", "+tries=3"]
jobs = [
    (flow, "nat", "203.0.113.80"),
    (flow, "ipv6", "2001:db8:80::80"),
    (again, "page", ["curl", "-4sSf", "--max-time", "5", "http://203.0.113.80/"]),
    (again, "name", [*dig, "www.example.org"]),
    (again, "ownName", [*dig, "@10.0.0.1", "gate.home.arpa", "A"]),
]
threads = [threading.Thread(target=job, args=args, daemon=True) for job, *args in jobs]
for thread in threads:
    thread.start()
ready.acquire(); ready.acquire()
print("ready", os.getpid(), flush=True)
for thread in threads:
    thread.join()
print("REPORT " + json.dumps(report), flush=True)
`

const Seen = z.object({
  /** How often it was done. */
  rounds: z.number(),
  /** The longest that one took, in milliseconds. */
  longestMs: z.number(),
  /** The longest time without an answer, in milliseconds; 0 for a connection. */
  pauseMs: z.number(),
  /** What failed; empty when nothing did. */
  error: z.string(),
})
const Report = z.object({
  /** One TCP connection over NAT from beginning to end. */
  nat: Seen,
  /** The same over IPv6. */
  ipv6: Seen,
  /** A new connection each time. */
  page: Seen,
  name: Seen,
  ownName: Seen,
})
export type TrafficReport = z.output<typeof Report>

/** Runs the traffic from the laptop while `action` runs, and returns how it went. */
export async function duringTraffic(lab: Lab, action: () => Promise<void>): Promise<TrafficReport> {
  const server = lab.isp.spawn(['python3', '-c', SERVER])
  try {
    await server.waitFor('ready')
    const client = lab.laptop.spawn(['python3', '-c', CLIENT])
    try {
      await client.waitFor(/ready \d+\n/)
      await action()
      // SIGINT lets each job end its round, which takes longer than stop() waits.
      const pid = /ready (\d+)/.exec(client.output())?.[1] ?? ''
      await lab.laptop.execOk(['kill', '-INT', pid])
      await client.waitFor(/REPORT .*\n/)
    } finally {
      await client.stop()
    }
    const line = /REPORT (.*)\n/.exec(client.output())?.[1] ?? ''
    return Report.parse(JSON.parse(line))
  } finally {
    await server.stop()
  }
}

/** What went wrong in the traffic, in words; `slowMs` is how long an answer within a connection may take. */
export function trafficTroubles(report: Partial<TrafficReport>, slowMs: number): string[] {
  return Object.entries(report).flatMap(([name, { rounds, longestMs, error }]) => [
    ...(error === '' ? [] : [`${name}: ${error}`]),
    ...(rounds > 0 ? [] : [`${name}: nothing was sent`]),
    ...(longestMs <= slowMs || !['nat', 'ipv6'].includes(name)
      ? []
      : [`${name}: an answer took ${longestMs} ms`]),
  ])
}
