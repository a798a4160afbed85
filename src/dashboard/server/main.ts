import { readFile } from 'node:fs/promises'
import { askAgent } from '../../agent/requests/client.ts'
import { log } from '../../recorder/log.ts'
import type { AgentRequest } from '../api.ts'
import { openData } from '../data/index.ts'
import { parseDashboardSettings } from '../settings.ts'
import { dashboardApp } from './app.ts'
import { type Served, serve } from './serve.ts'
import { Sessions } from './sessions.ts'
import { readStaticFiles } from './static-files.ts'

/*
 * The container's program: `main.ts SETTINGS.json PAGES` serves the dashboard until it is told to stop. It has no
 * capability, reads what others wrote, and has the router changed by asking the host's agent.
 */

const [settingsPath, pages] = process.argv.slice(2)
if (settingsPath === undefined || pages === undefined) throw new Error('usage: main.ts SETTINGS.json PAGES')
const settings = parseDashboardSettings(await readFile(settingsPath, 'utf8'))
const ask = (request: AgentRequest): Promise<unknown> => askAgent(settings.agentSocket, request)
const data = await openData({ settings, askAgent: ask })
const sessions = await Sessions.open(settings.stateDirectory)
const app = dashboardApp({ settings, data, sessions, files: await readStaticFiles(pages), askAgent: ask })
let served: Served | undefined
// Before it listens: there may be nothing to listen with for a while, and the first process of a container has no other way.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    void Promise.all([served?.stop(), data.close()]).finally(() => process.exit(0))
  })
}
// A page that nobody waits for any more, or a record that surprised us, ends no other page.
process.on('unhandledRejection', (error) => log('unhandled', `a bug: ${String(error)}`))
served = await serve({ settings, fetch: app.fetch })
