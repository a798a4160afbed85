import './early-engine.ts'
import { deviceCommand } from './device.ts'
import { logsCommand } from './logs.ts'
import { runProgram } from './program.ts'
import { queryCommand } from './query.ts'
import { topCommand } from './top.ts'
import { watchCommand } from './watch.ts'
import { whoCommand } from './who.ts'

/*
 * Where the commands that ask the records begin. src/build/questions.ts makes one file of what is imported here, and
 * further ones of what is imported later: to find and read seventy takes half of the time to an answer.
 */

await runProgram({
  top: async () => topCommand(),
  device: async () => deviceCommand(),
  who: async () => whoCommand(),
  watch: async () => watchCommand(),
  logs: async () => logsCommand(),
  query: async () => queryCommand(),
})
