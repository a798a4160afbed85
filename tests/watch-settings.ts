import { join } from 'node:path'
import type { WatchSettings } from '../src/watch/settings.ts'

/** Settings of watchers that have their sockets and status files in a directory, the recorder's socket there too. */
export function watchSettings(
  directory: string,
  changes: Partial<WatchSettings> & Pick<WatchSettings, 'networks'>,
): WatchSettings {
  return {
    recorderSocket: join(directory, 'recorder.sock'),
    answersSocket: join(directory, 'answers.sock'),
    statusDirectory: directory,
    hostname: 'gate',
    wan: { device: 'wan0' },
    dns: { timeoutSecs: 5 },
    flows: { activeTimeoutSecs: 300 },
    ...changes,
  }
}
