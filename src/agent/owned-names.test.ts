import { describe, expect, test } from 'vitest'
import { type LocalRecord, parseLocalData } from './local-data.ts'
import { isRelevant, type NameSpace, ownedNames } from './owned-names.ts'

const space: NameSpace = {
  domain: 'home.arpa',
  reserved: new Set(['gate', 'printer']),
  reservedAddresses: new Set(['10.0.0.1', '10.0.0.7']),
  ours: (address) => address.startsWith('10.0.0.'),
}

function parse(text: string): LocalRecord[] {
  return text.split('\n').flatMap((line) => parseLocalData(line) ?? [])
}

const LIST = parse(`
home.arpa.\t300\tIN\tSOA\tgate.home.arpa. hostmaster.home.arpa. 1 3600 600 86400 10
gate.home.arpa.\t300\tIN\tA\t10.0.0.1
printer.home.arpa.\t60\tIN\tA\t10.0.0.7
phone.home.arpa.\t60\tIN\tA\t10.0.0.130
camera.home.arpa.\t60\tIN\tA\t10.0.0.131
camera.home.arpa.\t300\tIN\tTXT\t"from the file"
deep.er.home.arpa.\t60\tIN\tA\t10.0.0.132
away.home.arpa.\t60\tIN\tA\t192.0.2.1
1.0.0.10.in-addr.arpa.\t300\tIN\tPTR\tgate.home.arpa.
7.0.0.10.in-addr.arpa.\t60\tIN\tPTR\tprinter.home.arpa.
130.0.0.10.in-addr.arpa.\t60\tIN\tPTR\tphone.home.arpa.
9.2.0.192.in-addr.arpa.\t60\tIN\tPTR\tphone.home.arpa.
localhost.\t10800\tIN\tA\t127.0.0.1
ads.example.org.\t60\tIN\tA\t10.0.0.99
`)

describe('parseLocalData', () => {
  test('reads a line with tabs or spaces, and nothing else', () => {
    expect(parseLocalData('Phone.home.arpa. 60 IN A 10.0.0.1\r')).toEqual({
      name: 'phone.home.arpa.',
      ttl: 60,
      type: 'A',
      data: '10.0.0.1',
    })
    for (const line of ['', 'ok', 'error', 'a. x IN A 1', 'a. 60 CH TXT b', 'a. 60 IN A']) {
      expect(parseLocalData(line)).toBeUndefined()
    }
  })
})

describe('ownedNames', () => {
  const relevant = LIST.filter((record) => isRelevant(record, space))
  const owned = ownedNames(relevant, space)

  test('looks only at the local domain and our addresses', () => {
    const names = relevant.map((record) => record.name)
    for (const name of ['home.arpa.', 'localhost.', 'ads.example.org.', '9.2.0.192.in-addr.arpa.']) {
      expect(names).not.toContain(name)
    }
  })

  test('owns nothing but what a lease could have given', () => {
    expect(owned.records.map((record) => record.name)).toEqual([
      'phone.home.arpa.',
      '130.0.0.10.in-addr.arpa.',
    ])
  })

  test('labels from elsewhere are spoken for', () => {
    expect([...owned.foreignLabels].sort()).toEqual(['away', 'camera', 'deep.er', 'gate', 'printer'])
  })
})
