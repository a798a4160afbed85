import { describe, expect, it } from 'vitest'
import { back, CLIENT, DnsReader } from '../../../tests/dns-reader.ts'
import { SAMPLES, type Sample, WRONG } from '../../../tests/dns-samples.ts'
import { FIRST_NAME, message, name, RESPONSE, u8, u16 } from '../../../tests/dns-wire.ts'

function read({ number, data }: Pick<Sample, 'number' | 'data'>, inClass = 1) {
  const reader = new DnsReader()
  const questions = [{ name: 'example.org', type: number }]
  const answers = [{ name: FIRST_NAME, type: number, class: inClass, ttl: 60, data }]
  reader.send(back(CLIENT), message({ flags: RESPONSE, questions, answers }))
  return { reader, answer: reader.records[0]?.answers?.[0] }
}

describe('record data in presentation format', () => {
  it.each(SAMPLES)('$type $text', (sample) => {
    const { reader, answer } = read(sample)
    expect(answer).toEqual({ name: 'example.org', type: sample.type, ttl: 60, data: sample.text })
    expect(reader.counts.malformed).toBe(0)
  })

  it.each(WRONG)('$type is $text when its data make no sense', (sample) => {
    const { reader, answer } = read(sample)
    expect(answer).toEqual({ name: 'example.org', type: sample.type, ttl: 60, data: sample.text })
    expect(reader.counts.malformed).toBe(1)
  })

  it.each(SAMPLES)(
    '$type $text is cut off anywhere: it is unknown data, or still right',
    ({ number, data, text }) => {
      for (let length = 0; length < data.length; length++) {
        const cut = data.subarray(0, length)
        const { answer } = read({ number, data: cut })
        if (answer?.data.startsWith('\\#'))
          expect(answer.data).toBe(`\\# ${length}${length > 0 ? ' ' : ''}${cut.toString('hex')}`)
        else expect(text.slice(0, 1)).toBe(answer?.data.slice(0, 1))
      }
    },
  )

  it('follows pointers within data', () => {
    const mail = Buffer.concat([u16(10), u8(4), Buffer.from('MAIL'), FIRST_NAME])
    expect(read({ number: 15, data: mail }).answer?.data).toBe('10 mail.example.org')
  })

  it('of another class than IN is not taken for an address', () => {
    const { answer } = read({ number: 1, data: Buffer.concat([name('ch.example'), u16(1)]) }, 3)
    expect(answer?.data).toBe('\\# 14 026368076578616d706c6500'.concat('0001'))
  })
})
