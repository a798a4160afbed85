import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeDaemonJson } from './daemon-json.ts'

const OURS = '{"ip-forward": false, "log-opts": {"max-size": "10m"}}'
const OTHERS = '{"ip-forward": false, "live-restore": true}'

function merged(
  existing: string | undefined,
  ours: string | undefined,
  saved?: Parameters<typeof mergeDaemonJson>[2],
) {
  const result = mergeDaemonJson(existing, ours, saved)
  if (!result.ok) throw new Error(result.message)
  return result
}

describe('mergeDaemonJson', () => {
  it('keeps the keys of the user and owns ours', () => {
    const { text } = merged('{"debug": true, "ip-forward": true}', OURS)
    expect(JSON.parse(text ?? '')).toEqual({
      debug: true,
      'ip-forward': false,
      'log-opts': { 'max-size': '10m' },
    })
  })

  it('is idle when ours are already there, whatever the layout', () => {
    const text = '{ "log-opts" : {"max-size":"10m"},\n"ip-forward":false }'
    expect(merged(text, OURS).text).toBe(text)
  })

  it('gives back what the user had, also after what is ours has changed', () => {
    const before = '{"debug":true,   "ip-forward":true}'
    const one = merged(before, OURS)
    const two = merged(one.text, OTHERS, one.saved)
    expect(JSON.parse(two.text ?? '')).toEqual({ debug: true, 'ip-forward': false, 'live-restore': true })
    expect(merged(two.text, undefined, two.saved).text).toBe(before)
  })

  it('removes a file that was only ours', () => {
    const one = merged(undefined, OURS)
    expect(merged(one.text, undefined, one.saved).text).toBeUndefined()
  })

  it('keeps what the user added in between', () => {
    const one = merged('{"ip-forward":true}', OURS)
    const edited = JSON.stringify({ ...JSON.parse(one.text ?? ''), debug: true })
    const two = merged(edited, undefined, one.saved)
    expect(JSON.parse(two.text ?? '')).toEqual({ debug: true, 'ip-forward': true })
  })

  it.each(['{', '[]', '"x"', 'null', '{"a":1} trailing'])('refuses %s', (text) => {
    expect(mergeDaemonJson(text, OURS, undefined)).toMatchObject({ ok: false })
  })

  it('comes back to the byte from any object', () => {
    const value = fc.dictionary(
      fc.constantFrom('ip-forward', 'log-opts', 'debug', 'data-root'),
      fc.jsonValue(),
    )
    fc.assert(
      fc.property(value, (object) => {
        const text = JSON.stringify(object)
        const one = merged(text, OURS)
        expect(merged(one.text, undefined, one.saved).text).toBe(text)
      }),
    )
  })
})
