import type {
  ArchiveReport,
  ChangesReport,
  ConnectionRow,
  ConnectionsReport,
  DevicePage,
  DeviceRow,
  DevicesReport,
  LiveEvents,
  NamesReport,
  NowReport,
  QuestionRow,
  QuestionsReport,
  SearchReport,
  Series,
  ServicesReport,
  Span,
} from '../../../src/dashboard/api.ts'

/*
 * A household for the pages to show, the same each time but for the clock. Some of it is what a hostile network could
 * say: names of devices, DNS names and lines are anybody's.
 */

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** In a device's name, a DNS name, a line: none may become anything but text. */
export const HOSTILE = {
  device: '<script>window.owned=1</script>',
  vendor: '"><img src=x onerror="window.owned=2">',
  name: '<svg/onload=window.owned=3>.example.org',
  line: '\u001b[2J\u202egnp.</li></ol><iframe src="javascript:window.owned=4"></iframe>',
} as const

/** Values that look measured: a day's rhythm and some noise, the same for the same seed. */
function wave(count: number, size: number, seed: number): number[] {
  let state = seed
  return Array.from({ length: count }, (_, i) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    const noise = state / 2_147_483_648
    const rhythm = 0.35 + 0.65 * Math.max(0, Math.sin((i / count) * Math.PI * 2 + seed))
    return Math.round(size * rhythm * (0.35 + noise * noise * 1.3))
  })
}

function series(span: Span, count: number, size: number, seed: number): Series {
  return {
    fromMs: span.fromMs,
    partMs: Math.round((span.toMs - span.fromMs) / count),
    values: wave(count, size, seed),
  }
}

/** Name, vendor, network, last part of the address, megabytes, minutes since it was seen, marks. */
const HOUSEHOLD = [
  ['laptop', 'Framework Computer', 'home', 130, 4210, 0, 'reserved'],
  ['living-room-tv', 'LG Innotek', 'home', 131, 18_400, 0, ''],
  ['phone-yuki', undefined, 'home', 132, 1320, 1, 'random'],
  ['tablet', 'Apple, Inc.', 'home', 133, 640, 3, 'random paused'],
  ['nas', 'Synology Incorporated', 'home', 20, 2250, 0, 'reserved'],
  ['printer', 'Seiko Epson Corporation', 'home', 134, 12, 9, ''],
  ['doorbell', 'Hangzhou Hikvision Digital Technology Co., Ltd.', 'guest', 140, 388, 0, ''],
  [HOSTILE.device, HOSTILE.vendor, 'guest', 141, 45, 2, ''],
  [undefined, undefined, 'guest', 142, 3, 14, 'random'],
  ['old-phone', 'HTC Corporation', 'home', undefined, 0, 60 * 24 * 41, ''],
] as const

function devices(now: number): DeviceRow[] {
  return HOUSEHOLD.map(([name, vendor, network, host, megabytes, minutes, marks], i) => {
    const macAddress = `02:00:5e:30:00:${(i + 1).toString(16).padStart(2, '0')}`
    return {
      id: macAddress,
      macAddress,
      ...(name !== undefined && { name }),
      ...(vendor !== undefined && { vendor }),
      network,
      randomMac: marks.includes('random'),
      addresses: host === undefined ? [] : [`10.0.0.${host}`, `fd4b:7a11:9c02::${host}`],
      firstSeenMs: now - (i + 1) * 37 * DAY,
      lastSeenMs: now - minutes * MINUTE,
      down: megabytes * 900_000,
      up: megabytes * 100_000,
      questions: megabytes * 3 + 17,
      reserved: marks.includes('reserved'),
      paused: marks.includes('paused'),
    }
  })
}

const NAMES = [
  'www.example.org',
  'api.video.example.net',
  'time.example.com',
  'cdn-17.images.example.net',
  'telemetry.tv.example.com',
  'imap.mail.example.org',
  'a-very-long-name-that-somebody-made-up.to-see-what-happens.in-a-narrow-column.example.org',
  'updates.example.com',
  HOSTILE.name,
  '203-0-113-9.dyn.example.net',
  'xn--r8jz45g.example.jp',
  'wpad.home.arpa',
] as const

export function questions(now: number): QuestionRow[] {
  const household = devices(now)
  return Array.from({ length: 60 }, (_, i) => {
    const device = household[i % 8]
    const outcome =
      i % 11 === 5 ? 'nxdomain' : i % 17 === 9 ? 'failed' : i % 23 === 13 ? 'timeout' : 'answered'
    return {
      timeMs: now - i * 17_300,
      name: NAMES[i % NAMES.length] ?? '',
      type: i % 3 === 0 ? 'AAAA' : i % 7 === 0 ? 'HTTPS' : 'A',
      outcome,
      responseCode: outcome === 'nxdomain' ? 'NXDOMAIN' : outcome === 'failed' ? 'SERVFAIL' : 'NOERROR',
      ...(outcome !== 'timeout' && { micros: 180 + ((i * 7919) % 48_000) }),
      clientAddress: device?.addresses[0] ?? '',
      ...(device && { deviceId: device.id }),
      ...(device?.name !== undefined && { device: device.name }),
      serverAddress: i % 13 === 4 ? '192.0.2.53' : '10.0.0.1',
      bypass: i % 13 === 4,
      answers:
        outcome === 'answered' ? [`203.0.113.${(i * 7) % 250}`, '2001:db8::17'].slice(0, 1 + (i % 2)) : [],
    } satisfies QuestionRow
  })
}

function connection(now: number, i: number): ConnectionRow {
  const device = devices(now)[i % 8]
  const unresolved = i % 9 === 4
  const encryptedDns = i % 21 === 10
  const name = unresolved || encryptedDns ? undefined : NAMES[(i * 5) % NAMES.length]
  return {
    flowId: String(1_000_000 + i),
    startMs: now - i * 9400,
    endMs: now - i * 9400 + ((i * 3571) % 180_000),
    protocol: i % 4 === 3 ? 'udp' : 'tcp',
    source: device?.addresses[0] ?? '10.0.0.1',
    sourcePort: 40_000 + i,
    sourceZone: device?.network ?? 'home',
    destination: encryptedDns ? '192.0.2.53' : `203.0.113.${(i * 13) % 250}`,
    destinationPort: encryptedDns ? 853 : i % 6 === 2 ? 123 : 443,
    destinationZone: 'wan',
    natSource: `198.51.100.10:${40_000 + i}`,
    ...(device && { deviceId: device.id }),
    ...(device?.name !== undefined && { device: device.name }),
    ...(name !== undefined && { name }),
    unresolved,
    encryptedDns,
    down: (i * 7_654_321) % 48_000_000,
    up: (i * 654_321) % 2_400_000,
    packets: 12 + i * 40,
    state: 'ESTABLISHED',
  }
}

export function fixture(now: number) {
  const all = devices(now)
  const day = { fromMs: now - DAY, toMs: now }
  const hour = { fromMs: now - HOUR, toMs: now }
  const generations: ChangesReport['generations'] = [
    [14, 0.2, 'tablet is paused', 'dashboard'],
    [13, 3, 'laptop has the address 10.0.0.130', 'dashboard'],
    [12, 52, 'forward tcp 8443 to nas; module prometheus', 'root'],
    [11, 400, 'network guest', 'root'],
    [10, 900, `description: ${HOSTILE.device}`, 'root'],
  ].map(([number, hours, summary, author]) => ({
    number: Number(number),
    timeMs: now - Number(hours) * HOUR,
    author: String(author),
    summary: String(summary),
    current: number === 14,
    confirmed: number !== 14,
  }))
  return {
    now: {
      hostname: 'gate',
      timeMs: now,
      wan: {
        ipv4: 'up',
        ipv6: 'up',
        sinceMs: now - 9 * DAY,
        addresses: ['198.51.100.10', '2001:db8:77::2'],
        gateways: ['198.51.100.1'],
        down: series(day, 96, 900_000_000, 2),
        up: series(day, 96, 90_000_000, 3),
      },
      dns: {
        asked: series(hour, 60, 240, 4),
        failed: series(hour, 60, 6, 5),
        medianMicros: 640,
        p95Micros: 31_400,
        cacheHitRatio: 0.864,
      },
      top: all.slice(0, 5).map((device) => ({
        key: device.name ?? device.macAddress,
        of: device.network,
        down: device.down / 20,
        up: device.up / 20,
        connections: 120,
        devices: 1,
      })),
      devices: { present: 9, known: 10 },
      alerts: [
        { kind: 'unconfirmed', subject: '14', timeMs: now - 12 * MINUTE },
        { kind: 'dns-bypass', subject: 'living-room-tv', detail: '192.0.2.53', timeMs: now - 40 * MINUTE },
        { kind: 'new-device', subject: HOSTILE.device, timeMs: now - 5 * HOUR },
      ],
      changes: {
        devices: all.slice(7, 9),
        generations: generations.slice(0, 2),
        names: ['telemetry.tv.example.com', 'cdn-17.images.example.net', HOSTILE.name],
      },
    } satisfies NowReport,
    devices: { devices: all } satisfies DevicesReport,
    device: (id: string, span: Span): DevicePage | undefined => {
      const device = all.find((one) => one.id === id)
      if (device === undefined) return undefined
      const down = wave(48, device.down / 40, 6)
      const up = wave(48, device.up / 40, 7)
      return {
        device,
        lease: { address: device.addresses[0] ?? '', expiresMs: now + 3 * HOUR, reserved: device.reserved },
        open: [0, 1, 2, 3, 5, 9].map((i) => connection(now, i)),
        report: {
          known: [],
          addresses: { now: device.addresses, before: ['10.0.0.201', 'fd4b:7a11:9c02::201'] },
          questions: { asked: 3120, names: 214, nxdomain: 32, failed: 4, unanswered: 1 },
          names: NAMES.map((name, i) => ({
            name,
            asked: 420 - i * 33,
            response: i === 11 ? 'NXDOMAIN' : 'NOERROR',
          })),
          resolvers: [
            { address: '10.0.0.1', local: true, asked: 3000 },
            { address: '192.0.2.53', local: false, asked: 120 },
          ],
          traffic: {
            down: device.down,
            up: device.up,
            connections: 1240,
            addresses: 96,
            partMs: (span.toMs - span.fromMs) / 48,
            parts: down.map((value, i) => ({ down: value, up: up[i] ?? 0 })),
          },
          destinations: NAMES.slice(0, 9).map((name, i) => ({
            name: i === 3 ? '203.0.113.77' : name,
            ...(i === 3 && { note: 'unresolved' as const }),
            addresses: 3,
            ports: ['tcp 443'],
            down: device.down / (i + 2),
            up: device.up / (i + 2),
            connections: 40,
          })),
          encryptedDns: [{ address: '192.0.2.53', port: 'tcp 853', connections: 14 }],
          unresolved: {
            connections: 9,
            addresses: 2,
            most: [{ address: '203.0.113.77', port: 'tcp 8443', connections: 6 }],
          },
        },
      }
    },
    names: (span: Span): NamesReport => ({
      asked: series(span, 72, 400, 8),
      total: 18_432,
      rows: NAMES.map((name, i) => ({
        name,
        asked: 2210 - i * 170,
        failed: i === 11 ? 44 : 0,
        devices: 1 + (i % 6),
        lastMs: now - i * MINUTE,
      })),
    }),
    questions: { rows: questions(now), next: 'older' } satisfies QuestionsReport,
    connections: {
      rows: Array.from({ length: 60 }, (_, i) => connection(now, i)),
      next: 'older',
    } satisfies ConnectionsReport,
    search: (span: Span, text: string, kind: string | null): SearchReport => {
      if (text === 'nothing')
        return { found: { ...series(span, 60, 0, 1), values: [] }, total: 0, devices: [], hits: [] }
      const lines = Array.from({ length: 30 }, (_, i) => ({
        kind: 'container' as const,
        timeMs: now - i * 4100,
        detail: 'sekisho-unbound-1',
        text: i === 2 ? HOSTILE.line : `info: generate keytag query _ta-4f66. NULL IN (${i})`,
      }))
      if (kind === 'container') return { found: series(span, 60, 9, 9), total: 30, devices: [], hits: lines }
      return {
        found: series(span, 90, 140, 9),
        total: 5_214,
        devices: all.slice(0, 2),
        hits: [
          ...questions(now)
            .slice(0, 14)
            .map((row) => ({
              kind: 'dns' as const,
              timeMs: row.timeMs,
              text: row.name,
              ...(row.deviceId !== undefined && { deviceId: row.deviceId }),
              ...(row.device !== undefined && { device: row.device }),
              detail: `${row.type} ${row.answers.join(' ')}`,
            })),
          {
            kind: 'drops' as const,
            timeMs: now - HOUR,
            text: '203.0.113.99',
            detail: 'tcp 23 → 198.51.100.10',
          },
          {
            kind: 'dhcp' as const,
            timeMs: now - 2 * HOUR,
            text: HOSTILE.device,
            detail: '10.0.0.141 assigned',
          },
          ...lines.slice(1, 4),
        ].toSorted((a, b) => b.timeMs - a.timeMs),
        next: 'older',
      }
    },
    services: {
      release: '0.1.0-3f9a2c71b0de',
      services: [
        ['unbound', 'unbound', 'healthy'],
        ['kea', 'kea-dhcp4', 'healthy'],
        ['chrony', 'chrony', 'healthy'],
        ['recorder', 'recorder', 'healthy'],
        ['recorder', 'archive', 'starting'],
        ['watch', 'watch-dns', 'healthy'],
        ['watch', 'watch-flows', 'unhealthy'],
        ['dashboard', 'dashboard', 'healthy'],
      ].map(([module = '', service = '', state = '']) => ({
        module,
        service,
        state,
        image: `sekisho/${module}:3f9a2c71b0de`,
      })),
      jobs: [
        { name: 'archive', ok: true },
        {
          name: 'upload',
          ok: false,
          lastError: 'the bucket answered 403 AccessDenied. Fix: sekisho archive check',
        },
      ],
      sources: [
        { name: 'dns', received: 184_320, stored: 184_320, dropped: 0, malformed: 2 },
        { name: 'flows', received: 92_114, stored: 92_114, dropped: 0, malformed: 0 },
        { name: 'syslog', received: 5120, stored: 5098, dropped: 22, malformed: 0 },
        { name: 'forward', received: 20_480, stored: 20_480, dropped: 0, malformed: 0 },
      ],
    } satisfies ServicesReport,
    changes: { generations } satisfies ChangesReport,
    diff: {
      changes: true,
      text: `--- 13 /etc/sekisho/router.yaml
+++ 14 /etc/sekisho/router.yaml
@@ firewall @@
   firewall:
+    deny:
+      - { from: tablet, why: "paused ${HOSTILE.device}" }
-    deny: []
`,
    },
    plan: {
      changes: true,
      text: `~ /etc/sekisho/router.yaml was changed by hand
+ service prometheus
  nothing is reconnected; no connection is cut
`,
    },
    archive: {
      kinds: [
        ['dns', 412, 1_840_000_000, 61_200_000],
        ['flows', 412, 2_310_000_000, 38_400_000],
        ['container', 90, 84_000_000, 2_100_000],
        ['drops', 412, 120_000_000, 4_800_000],
        ['dhcp', 412, 1_200_000, 21_000],
      ].map(([kind, days, size, rows]) => ({
        kind: String(kind),
        days: Number(days),
        bytes: Number(size),
        rows: Number(rows),
        oldestMs: now - Number(days) * DAY,
      })),
      daily: series({ fromMs: now - 60 * DAY, toMs: now }, 60, 14_000_000, 10),
      logBytes: 38_200_000,
      lostRows: 0,
      bucket: { waitingFiles: 2, droppedFiles: 0 },
      cost: {
        currency: 'JPY',
        now: 18.4,
        years: [
          { years: 1, perMonth: 41, bytes: 8_200_000_000 },
          { years: 5, perMonth: 152, bytes: 31_000_000_000 },
          { years: 10, perMonth: 290, bytes: 60_000_000_000 },
        ],
        budget: 300,
      },
    } satisfies ArchiveReport,
  }
}

/** What moves in a second. */
export function ratesAt(timeMs: number): LiveEvents['rates'] {
  const second = Math.round(timeMs / 1000)
  const moving = devices(timeMs)
    .slice(0, 8)
    .map((device, i) => {
      // A stream fills its buffer now and then; the rest is a murmur.
      const phase = (second + i * 5) % (19 + 7 * i)
      const burst = phase < 5 ? Math.sin(((phase + 0.5) / 5) * Math.PI) : 0
      const noise = ((second * 7919 + i * 104_729) % 97) / 97
      const down = (device.down / 6000) * (0.12 + burst * (0.7 + 0.3 * noise) + 0.08 * noise)
      return {
        deviceId: device.id,
        name: device.name ?? device.macAddress,
        down,
        up: down * (0.04 + 0.03 * i),
      }
    })
  return {
    timeMs,
    down: moving.reduce((sum, { down }) => sum + down, 0),
    up: moving.reduce((sum, { up }) => sum + up, 0),
    devices: moving,
  }
}

export function liveConnection(now: number): ConnectionRow {
  return { ...connection(now, 3), flowId: `live-${now}`, startMs: now, endMs: now, name: 'live.example.org' }
}
