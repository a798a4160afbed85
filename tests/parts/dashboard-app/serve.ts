import { buildDashboardApp } from '../../../src/build/dashboard-app.ts'
import { fixtureServer } from './fixture-server.ts'

/* For whoever works on the pages: node tests/parts/dashboard-app/serve.ts [PORT] */
const { url } = await fixtureServer(await buildDashboardApp(), Number(process.argv[2] ?? 8080))
process.stdout.write(`${url}\n`)
