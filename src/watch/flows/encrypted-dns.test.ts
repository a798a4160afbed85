import { expect, it } from 'vitest'
import { isEncryptedDns } from './encrypted-dns.ts'

const TCP = 6
const UDP = 17
const ANY = '198.51.100.7'

it.each([
  ['DNS over TLS', TCP, 853, ANY, undefined, true],
  ['DNS over QUIC', UDP, 853, ANY, undefined, true],
  ['a known address, HTTP/2', TCP, 443, '8.8.8.8', undefined, true],
  ['a known address, HTTP/3', UDP, 443, '2606:4700:4700::1111', undefined, true],
  ['a known name', TCP, 443, ANY, 'dns.google', true],
  ['a name below a known one', TCP, 443, ANY, 'abc123.dns.nextdns.io', true],
  ['a name that only ends alike', TCP, 443, ANY, 'notdns.google', false],
  ['plain DNS to a known address', UDP, 53, '8.8.8.8', undefined, false],
  ['a web server', TCP, 443, ANY, 'www.example.org', false],
  ['no port', 47, undefined, '8.8.8.8', undefined, false],
  ['another protocol', 132, 853, ANY, undefined, false],
])('%s', (_, protocol, port, address, name, expected) => {
  expect(isEncryptedDns(protocol, port, address, name)).toBe(expected)
})
