import './early-engine.ts'
import { logsCommand } from './logs.ts'
import { runProgram } from './program.ts'
import { queryCommand } from './query.ts'

/*
 * Where the commands that ask the records begin. src/build/questions.ts makes one file of what is imported here, and
 * further ones of what is imported later: to find and read seventy takes half of the time to an answer.
 */

await runProgram({
  logs: async () => logsCommand(),
  query: async () => queryCommand(),
})
