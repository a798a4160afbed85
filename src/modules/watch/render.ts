import { generatedHeader } from '../../router/render/header.ts'

/** What the watchers read (src/watch/settings.ts): a test holds the two together. */
interface Settings {
  readonly recorderSocket: string
  readonly answersSocket: string
  readonly statusDirectory: string
  readonly hostname: string
  readonly networks: readonly { readonly name: string; readonly device: string; readonly prefix: string }[]
  readonly wan: { readonly device: string }
  readonly dns: { readonly timeoutSecs: number }
  readonly flows: {
    readonly activeTimeoutSecs: number
    readonly ipfix?: { readonly address: string; readonly port: number }
  }
}

/** watch.json: JSON has no comments, so the notice is a key that the watchers do not read. */
export function renderWatchSettings(settings: Settings): string {
  const notice = generatedHeader('watch', '').trim()
  return `${JSON.stringify({ notice, ...settings }, null, 2)}\n`
}
