import { parseSettings, type Settings } from '../recorder/settings.ts'
import { loadOrReport } from './report.ts'

/** The recorder's settings as a router.yaml has them; undefined, said on stderr, when it is wrong or has no recorder. */
export async function recorderSettings(file: string | undefined): Promise<Settings | undefined> {
  const loaded = await loadOrReport(file, false)
  if (!loaded) return undefined
  const settings = loaded.desired.files.find(({ path }) => path === 'modules/recorder/recorder.json')
  if (settings) return parseSettings(settings.text)
  process.stderr.write('router.yaml has no recorder. Fix: add "recorder: {}" to its modules\n')
  process.exitCode = 1
  return undefined
}
