import { createConnection } from 'node:net'
import { createInterface } from 'node:readline'

/** Has a running qemu do one thing (QEMU Machine Protocol); throws with its words when it does not. */
export async function qmp(path: string, execute: string, args: object): Promise<void> {
  const socket = createConnection(path)
  try {
    const commands = [{ execute: 'qmp_capabilities' }, { execute, arguments: args }]
    let answers = 0
    for await (const line of createInterface({ input: socket })) {
      const said: { QMP?: object; return?: object; error?: { desc: string } } = JSON.parse(line)
      if (said.error !== undefined) throw new Error(`qemu: ${execute}: ${said.error.desc}`)
      if (said.return !== undefined && answers++ === 1) return
      if (said.QMP !== undefined || said.return !== undefined) {
        socket.write(`${JSON.stringify(commands[answers])}\n`)
      }
    }
    throw new Error(`qemu ended before it answered ${execute}`)
  } finally {
    socket.destroy()
  }
}
