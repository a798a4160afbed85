import type { Host, Running } from '../../../src/lab/host.ts'

/*
 * UDP flows that go on for as long as a test does, as a call or a tunnel does: one socket each, a datagram every 100 ms.
 */

const TALKER = `
import json, socket, sys, time
own, to, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.bind((own, port))
peer.settimeout(0.1)
target = (to, port) if to != "" else None
print("ready", flush=True)
heard, last, due = None, 0, 0
while True:
    now = time.monotonic()
    if target and now >= due:
        due = now + 0.1
        try:
            peer.sendto(b"talk", target)
        except OSError:
            pass
    try:
        _, source = peer.recvfrom(64)
    except OSError:
        continue
    if source != heard:
        print(json.dumps({"from": source[0], "silentMs": int(1000 * (time.monotonic() - last)) if last else 0}), flush=True)
        if to == "":
            target = source
    heard, last = source, time.monotonic()
`

/** One end of a flow; `to` is whom it talks to, or "" for whoever spoke last. Says each source that it hears anew. */
export async function talk(host: Host, own: string, to: string, port: number): Promise<Running> {
  const running = host.spawn(['python3', '-c', TALKER, own, to, String(port)])
  await running.waitFor('ready')
  return running
}

/** From whom it heard, in turn, and how long it heard nothing before, in milliseconds. */
export function heardFrom(running: Running): { readonly from: string; readonly silentMs: number }[] {
  return running
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { from: string; silentMs: number })
}
