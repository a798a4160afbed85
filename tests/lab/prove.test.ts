import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { addressesOf } from './support/addresses.ts'
import { baseline, baselineYaml } from './support/router-yaml.ts'

/*
 * Proof and explanation on a whole router: its release, its Docker, its live rules.
 */

let lab: Lab
beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})
afterAll(() => baseline(lab))

const RULES = `firewall:
  allow:
    - { from: guest, to: home, protocol: tcp, ports: [9100], why: printer }
`
const HOLDS = `checks:
  - { from: guest, to: router, protocol: udp, ports: [53], expect: reached }
  - { from: wan, to: router, protocol: tcp, ports: [22], expect: blocked }
`
const FAILS = `${HOLDS}  - { from: guest, to: home, expect: blocked, why: guests are strangers }
`

/** What a proof must not change. */
async function network(): Promise<string[]> {
  const look = (...argv: string[]) => lab.router.execOk(argv)
  return Promise.all([
    look('ip', '-oneline', 'link'),
    look('nft', '--stateless', 'list', 'table', 'inet', 'sekisho'),
    look('sh', '-c', 'ls -1 /run/netns 2>/dev/null | wc -l'),
    look('readlink', '/etc/sekisho/current'),
  ])
}

describe('a router.yaml whose checks do not hold', () => {
  test('plan --prove says which, and names the rule and the way out', async () => {
    const before = await network()
    await lab.writeRouterYaml(await baselineYaml(lab, RULES + FAILS))
    const { code, stdout } = await lab.router.exec(['sekisho', 'plan', '--prove'])
    expect(stdout).toMatch(
      /checks\[2\]: guest reaches home: TCP 10\.0\.1\.\d+ → 10\.0\.0\.\d+ port 9100 arrived at \S+, let through by firewall\.allow: printer \(chain forward_guest: .*\) .*Fix: remove or narrow entry 1 of firewall\.allow/,
    )
    expect(stdout).toContain('1 of 3 checks does not hold')
    expect(code).toBe(3)
    const json = await lab.router.exec(['sekisho', 'plan', '--prove', '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({
      proof: { ok: false, checks: [{ holds: true }, { holds: true }, { holds: false }] },
    })
    expect(await network()).toEqual(before)
  })

  test('apply does not apply it', async () => {
    const before = await network()
    const { code, stderr } = await lab.apply()
    expect(code).toBe(1)
    expect(stderr).toContain('what router.yaml promises would not hold')
    expect(stderr).toContain('Nothing was changed.')
    expect(await network()).toEqual(before)
  })

  test('one whose checks hold is proved, and applied', async () => {
    await lab.writeRouterYaml(await baselineYaml(lab, RULES + HOLDS))
    const { code, stdout } = await lab.router.exec(['sekisho', 'plan', '--prove'])
    expect(stdout).toMatch(/Proved: all 2 checks hold, by \d+ packets/)
    expect(code).toBe(2)
    expect(await lab.apply()).toMatchObject({ code: 0 })
  })
})

describe('explain, on the live rules', () => {
  async function explain(...question: string[]) {
    const { code, stdout, stderr } = await lab.router.exec(['sekisho', 'explain', '--json', ...question])
    if (code === 1) throw new Error(stderr)
    return { code, ...JSON.parse(stdout) }
  }

  test('guest1 does not reach the laptop, but at the port that was allowed', async () => {
    // Over IPv4, and over IPv6 once both are known by such an address too.
    const closed = await explain('guest1', 'laptop', 'tcp', '80')
    expect(closed.code).toBe(4)
    expect(closed.answers.length).toBeGreaterThan(0)
    for (const answer of closed.answers)
      expect(answer).toMatchObject({
        verdict: 'blocked',
        answered: true,
        from: 'guest',
        to: 'home',
        decidedBy: { chain: 'forward_guest', module: 'core', reason: 'everything else' },
      })
    const open = await explain('guest1', 'laptop', 'tcp', '9100')
    expect(open.code).toBe(0)
    expect(open.answers).toHaveLength(closed.answers.length)
    for (const answer of open.answers)
      expect(answer).toMatchObject({
        verdict: 'passes',
        decidedBy: { module: 'firewall.allow', reason: 'printer' },
      })
  })

  test('the laptop reaches a server, translated over IPv4', async () => {
    const { v4, gua } = await addressesOf(lab.laptop)
    expect(await explain(v4, '203.0.113.80', 'tcp', '80')).toMatchObject({
      code: 0,
      answers: [
        {
          from: 'home',
          to: 'wan',
          verdict: 'passes',
          seenFrom: '198.51.100.10',
          translatedBy: [{ chain: 'srcnat', reason: "behind the WAN's address" }],
        },
      ],
    })
    expect(await explain(gua, '2001:db8:80::80', 'tcp', '80')).toMatchObject({
      code: 0,
      answers: [{ from: 'home', to: 'wan', verdict: 'passes', translatedBy: [] }],
    })
  })

  test('a server by its name, as the router resolves it', async () => {
    const { v4 } = await addressesOf(lab.laptop)
    const said = await lab.router.exec(['sekisho', 'explain', v4, 'www.example.org', 'tcp', '80'])
    expect(said).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${v4} → www.example.org 203.0.113.80, TCP port 80: passes`),
    })
  })

  test("the WAN does not reach the router's ssh, and home does", async () => {
    const outside = await explain('wan', 'router', 'tcp', '22')
    expect(outside.code).toBe(4)
    expect(outside.answers).toHaveLength(2)
    for (const answer of outside.answers)
      expect(answer).toMatchObject({
        from: 'wan',
        to: 'router',
        verdict: 'blocked',
        decidedBy: { chain: 'input_wan' },
      })
    expect(await explain('home', 'router', 'tcp', '22')).toMatchObject({
      code: 0,
      answers: [{ decidedBy: { module: 'router_access' } }, { decidedBy: { module: 'router_access' } }],
    })
  })

  test('what Docker and its like decide is said to be theirs', async () => {
    expect(await explain('172.17.0.2', 'wan', 'tcp', '80')).toMatchObject({
      code: 0,
      notes: [],
      answers: [{ verdict: 'passes', translatedBy: [{ family: 'ip', table: 'nat', chain: 'POSTROUTING' }] }],
    })
    const words = ['DOCKER-USER', '-p', 'tcp', '-d', '203.0.113.80', '--dport', '8443', '-j', 'DROP']
    await lab.router.execOk(['iptables', '-I', ...words])
    try {
      expect(await explain('laptop', '203.0.113.80', 'tcp', '8443')).toMatchObject({
        code: 4,
        notes: [],
        answers: [
          {
            verdict: 'blocked',
            answered: false,
            decidedBy: { family: 'ip', table: 'filter', chain: 'DOCKER-USER' },
          },
        ],
      })
    } finally {
      await lab.router.execOk(['iptables', '-D', ...words])
    }
  })

  test.each([
    [['nobody', 'wan'], 'nobody is called "nobody"'],
    [['laptop', 'nowhere.example.org'], 'nobody is called "nowhere.example.org"'],
    [['laptop', 'wan', 'gre'], '"gre" is not tcp, udp or icmp'],
    [['laptop', 'wan', 'tcp'], 'tcp needs a port'],
    [['laptop', 'wan', 'tcp', '70000'], '"70000" is no port'],
    [['laptop; reboot', 'wan'], 'nobody is called "laptop; reboot"'],
  ])('%j is refused with a way out', async (words, message) => {
    const { code, stdout, stderr } = await lab.router.exec(['sekisho', 'explain', ...words])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).toContain('Fix: ')
  })
})
