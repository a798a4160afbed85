import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ConfSection, parseFluentConf, undocumented } from '../../../tests/fluent-conf.ts'
import { expectGolden } from '../../../tests/golden.ts'
import { contextFor, goldenOf, sampleRouter } from '../../../tests/sample-router.ts'
import { shippedContexts } from '../../build/images.ts'
import { fluentd } from './module.ts'

const ARTICLE = {
  s3: { bucket: 'home-network', region: 'ap-northeast-1' },
  mackerel: {},
}
const BESIDE = {
  forward: { port: 24225, networks: ['home'], shared_key_file: '/etc/sekisho/secrets/fluentd-key' },
  syslog: 'off',
  netflow: { port: 2056, networks: ['home', 'guest'] },
  s3: { bucket: 'logs', region: 'us-east-1', endpoint: 'https://s3.example.org:9000', prefix: 'gate' },
  mackerel: { service: 'home' },
  buffer_bytes: 2 ** 28,
}

const outputOf = (config: unknown) => fluentd.build(contextFor(fluentd, config, sampleRouter()))
const confOf = (config: unknown): ConfSection[] => parseFluentConf(outputOf(config).files[0]?.text ?? '')

describe('golden', () => {
  it.each(Object.entries({ article: ARTICLE, beside: BESIDE, alone: {} }))('%s', async (name, config) => {
    const output = outputOf(config)
    await expectGolden(join(import.meta.dirname, 'golden', name), goldenOf(output))
    expect(undocumented(parseFluentConf(output.files[0]?.text ?? ''))).toEqual([])
  })
})

it('writes what the manuals know, whatever it is told', () => {
  const port = fc.integer({ min: 1024, max: 65_535 })
  const config = fc.record(
    {
      forward: fc.record({ port, networks: fc.subarray(['home', 'guest']) }),
      syslog: fc.oneof(fc.constant('off'), fc.record({ port })),
      netflow: fc.oneof(fc.constant('off'), fc.record({ port, networks: fc.subarray(['home', 'guest']) })),
      s3: fc.record({
        bucket: fc.stringMatching(/^[a-z][a-z0-9-]{2,20}[a-z]$/),
        region: fc.constantFrom('ap-northeast-1', 'x'),
        prefix: fc.stringMatching(/^[A-Za-z0-9._=-][A-Za-z0-9._=/-]{0,20}$/),
      }),
      mackerel: fc.constantFrom({}, { service: 'home' }),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(config, (value) => {
      expect(undocumented(confOf(value))).toEqual([])
    }),
  )
})

it('has a checker that finds what is wrong', () => {
  const wrong = (text: string) => () => {
    const found = undocumented(parseFluentConf(text))
    if (found.length > 0) throw new Error(found.join('; '))
  }
  expect(wrong('<match **>\n  @type s3\n  bucket x\n</match>')).toThrow(/has no bucket.*asks for s3_bucket/)
  expect(wrong('<source>\n  @type syslog\n  tag a\n')).toThrow('is not closed')
  expect(wrong('<source>\n  @type syslog\n</match>')).toThrow('closes what is not open')
  expect(wrong('<match>\n  @type null\n</match>')).toThrow('without a pattern')
  expect(wrong('<match **>\n  @type file\n</match>')).toThrow('none that we know')
  expect(wrong('<match **>\n  @type null\n  oops\n</match>')).toThrow('neither a section')
  expect(wrong('<match a>\n  @type mackerel\n  api_key "#{`id`}"\n</match>')).toThrow(
    'Ruby that is none of ours',
  )
  expect(wrong('<match a>\n  @type mackerel\n  api_key #{x}\n</match>')).toThrow('outside of double quotes')
  expect(wrong('<match a>\n  @type mackerel\n  api_key "x\n</match>')).toThrow('does not end')
})

it("keeps the article's paths and time slices", () => {
  const outputs = confOf(ARTICLE).filter(({ parameters }) => parameters['@type'] === 's3')
  expect(outputs.map(({ argument, parameters }) => [argument, parameters.path])).toEqual([
    ['system.** sekisho.syslog', 'system'],
    ['docker.** sekisho.container', 'docker'],
    ['dns-gazer.** sekisho.dns', 'dns'],
    ['netflow.event sekisho.netflow sekisho.flows', 'netflow'],
    ['**', 'other'],
  ])
  for (const { parameters } of outputs)
    expect(parameters).toMatchObject({
      s3_object_key_format: '%{path}/%Y/%m/%d/%{time_slice}_%{index}.%{file_extension}',
      time_slice_format: '%Y%m%d%H',
    })
})

it('has secrets in no file, image or environment', () => {
  const text = JSON.stringify(outputOf(BESIDE))
  expect(text).toContain("#{File.read('/run/secrets/forward-shared-key').strip}")
  const config = fluentd.config.parse(BESIDE)
  expect(fluentd.hostFiles?.(config)).toEqual([
    { key: ['forward', 'shared_key_file'], path: '/etc/sekisho/secrets/fluentd-key', secret: true },
    { key: ['s3', 'credentials_file'], path: '/etc/sekisho/secrets/s3', secret: true },
    { key: ['mackerel', 'api_key_file'], path: '/etc/sekisho/secrets/mackerel', secret: true },
  ])
})

describe('config', () => {
  it.each([
    { forward: 'off' },
    { forward: { port: 0 } },
    { syslog: 'on' },
    { netflow: { port: 53 } },
    { s3: { bucket: 'home-network' } },
    { s3: { bucket: 'a"b', region: 'x' } },
    { s3: { bucket: 'abc', region: 'x\ny' } },
    { s3: { bucket: 'abc', region: 'x', prefix: 'a #{b}/' } },
    { s3: { bucket: 'abc', region: 'x', endpoint: 'https://user:pass@s3.example.org' } },
    { mackerel: { service: 'a b' } },
    { buffer_bytes: 1024 },
    { s3: { bucket: 'abc', region: 'x', secret: 'in the file' } },
  ])('refuses %j', (config) => {
    expect(fluentd.config.safeParse(config).success).toBe(false)
  })

  it('names what is no network, who may write, and what goes nowhere', () => {
    const issues = (config: unknown) =>
      (fluentd.check?.(contextFor(fluentd, config, sampleRouter())) ?? []).map(
        ({ path, severity }) => `${path.slice(2).join('.')} ${severity ?? 'error'}`,
      )
    expect(issues(ARTICLE)).toEqual([])
    expect(issues({})).toEqual([' warning'])
    expect(issues({ ...ARTICLE, mackerel: { service: 'home', host_id_file: '/id' } })).toEqual([
      'mackerel.host_id_file warning',
    ])
    expect(issues({ ...ARTICLE, forward: { networks: ['attic'] } })).toEqual([
      'forward.networks.0 error',
      'forward.networks warning',
    ])
    expect(issues({ ...ARTICLE, netflow: { networks: ['home', 'attic'] } })).toEqual([
      'netflow.networks.1 error',
    ])
  })
})

it('offers what it takes, and nothing that is off', () => {
  const offered = (config: unknown) => fluentd.provides?.(fluentd.config.parse(config), sampleRouter())
  expect(offered({})).toEqual({
    collector: { address: '127.0.0.1', port: 5514, protocol: 'tcp' },
    netflow: { address: '127.0.0.1', port: 2055, protocol: 'udp' },
  })
  expect(offered({ syslog: 'off', netflow: 'off' })).toEqual({})
})

it('is in no release, whose builds reach nothing but Debian; and its gems have exact versions', () => {
  const names = shippedContexts().map(({ ref }) => ref.replace(/:.*/, ''))
  expect(names).toContain('sekisho/recorder')
  expect(names).not.toContain('sekisho/fluentd')
  const dockerfile = readFileSync(join(import.meta.dirname, 'Dockerfile'), 'utf8')
  expect(dockerfile).toMatch(/^# sekisho: network=host$/m)
  const gems = /gem install --no-document ([^\\]+) \\/.exec(dockerfile)?.[1]?.split(' ') ?? []
  expect(gems).toHaveLength(4)
  for (const gem of gems) expect(gem).toMatch(/^fluent[a-z0-9-]+:\d+\.\d+\.\d+$/)
})
