import { generatedHeader } from '../../router/render/header.ts'

/** What the recorder's process reads (src/recorder/settings.ts): a test holds the two together. */
interface Settings {
  readonly data: string
  readonly site: string
  readonly status: string
  readonly retentionDays: number
  readonly maxBytes: number
  readonly dockerContainers: string
  readonly syslog: { readonly address: string; readonly port: number }
  readonly netflow: { readonly address: string; readonly port: number }
  readonly forward: {
    readonly port: number
    readonly addresses: readonly string[]
    readonly credentials?: { readonly sharedKeyFile: string; readonly usersFile?: string }
  }
  readonly forwardTo: readonly object[]
  readonly nflogGroup: number
  readonly watchSocket: string
  readonly devices: {
    readonly clients: string
    readonly vendors: string
    readonly live: string
    readonly networks: readonly { readonly name: string; readonly device: string }[]
  }
  readonly archive: object
}

/** recorder.json: JSON has no comments, so the notice is a key that the recorder does not read. */
export function renderSettings(settings: Settings): string {
  const notice = generatedHeader('recorder', '').trim()
  return `${JSON.stringify({ notice, ...settings }, null, 2)}\n`
}
