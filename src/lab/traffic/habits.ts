import { SERVERS, WAN } from '../topology.ts'
import type { Random } from './random.ts'

/*
 * What the devices of a household do: each habit says the next thing, a command that the device runs, and how long it rests
 * afterwards. All of it goes to the lab's own Internet; sizes are in bytes and rates in bytes a second.
 */

/** Who there is: the lab's clients, and what is plugged in for as long as the traffic lasts. */
export const DEVICES = ['laptop', 'phone', 'guest1', 'tv', 'camera', 'sensor'] as const
export type DeviceName = (typeof DEVICES)[number]

export interface Deed {
  /** In words, after the device's name. */
  readonly says: string
  readonly argv: readonly string[]
  /** Seconds until the next. */
  readonly restSecs: number
}

const SITES = [
  'www.example.org',
  'news.wild.example.org',
  'www.example.com',
  'mail.wild.example.org',
  'www.example.net',
  'alias.example.org',
  'maps.wild.example.org',
  'shop.wild.example.org',
  'example.com',
  'web.example.org',
] as const
/** What a page of theirs is made of. */
const PARTS = [
  'img.wild.example.org',
  'cdn.wild.example.org',
  'ads.wild.example.org',
  'api.example.com',
] as const

const KB = 1000
const MB = 1000 * KB

/** Of all that there is, so much a second at most: the machine that the lab runs on has other things to do. */
const PAGE_RATE = 4 * MB
const VIDEO_RATE = 500 * KB

const HABITS: Readonly<Record<DeviceName, (random: Random) => Deed>> = {
  laptop: (random) => (random.next() < 0.08 ? download(random) : browse(random, 2, 15)),
  phone: (random) => (random.next() < 0.2 ? photo(random) : browse(random, 3, 25)),
  guest1: (random) => browse(random, 10, 60),
  tv: (random) => (random.next() < 0.5 ? video(random) : chatter(random)),
  camera: (random) => (random.next() < 0.5 ? bypass(random) : unresolved(random)),
  sensor: (random) => failing(random),
}

/** The next thing that a device does. */
export function nextDeed(device: DeviceName, random: Random): Deed {
  return HABITS[device](random)
}

function browse(random: Random, least: number, most: number): Deed {
  const site = random.favourite(SITES)
  const parts = Array.from({ length: random.between(1, 5) }, () => random.favourite(PARTS))
  return {
    says: `reads ${site}`,
    argv: [
      ...curl(PAGE_RATE),
      `http://${site}/`,
      ...parts.flatMap((part) => next(PAGE_RATE, random.between(2 * KB, 300 * KB), `http://${part}/big`)),
    ],
    restSecs: random.between(least, most),
  }
}

function download(random: Random): Deed {
  const bytes = random.between(2 * MB, 20 * MB)
  return {
    says: `downloads ${Math.round(bytes / MB)} MB`,
    argv: [...curl(PAGE_RATE), '--range', `0-${bytes}`, 'http://updates.wild.example.org/big'],
    restSecs: random.between(10, 40),
  }
}

/** Upwards; nginx takes a megabyte. */
function photo(random: Random): Deed {
  const bytes = random.between(100 * KB, 900 * KB)
  return {
    says: `sends a photo of ${Math.round(bytes / KB)} kB`,
    argv: [
      'sh',
      '-c',
      'head -c "$1" /dev/zero | curl --silent --max-time 20 --output /dev/null --data-binary @- "$2"',
      'photo',
      String(bytes),
      'http://photos.wild.example.org/',
    ],
    restSecs: random.between(3, 25),
  }
}

function video(random: Random): Deed {
  const bytes = random.between(2 * MB, 8 * MB)
  return {
    says: `plays ${Math.round(bytes / MB)} MB of video`,
    argv: [...curl(VIDEO_RATE), '--range', `0-${bytes}`, 'http://video.wild.example.org/big'],
    restSecs: random.between(1, 4),
  }
}

/** A name asked for each few seconds, all day. */
function chatter(random: Random): Deed {
  const name = `log-${random.between(1, 20)}.telemetry.wild.example.org`
  return { says: `reports to ${name}`, argv: dig(name), restSecs: random.between(1, 3) }
}

/** Asks the provider's resolver and not ours, and connects to what that says. */
function bypass(random: Random): Deed {
  const name = `cloud-${random.between(1, 3)}.wild.example.org`
  return {
    says: `asks ${WAN.resolver4} for ${name}, past the router`,
    argv: dig(name, `@${WAN.resolver4}`),
    restSecs: random.between(2, 10),
  }
}

/** To an address that it has from nobody. */
function unresolved(random: Random): Deed {
  const bytes = random.between(10 * KB, 400 * KB)
  return {
    says: `talks to ${SERVERS.www2.v4} without a name`,
    argv: [...curl(PAGE_RATE), '--range', `0-${bytes}`, `http://${SERVERS.www2.v4}/big`],
    restSecs: random.between(5, 20),
  }
}

function failing(random: Random): Deed {
  const name = random.favourite([
    'mqtt.vendor.example.net',
    'time.vendor.example.net',
    'www.bogus.example.net',
    'gone.example.org',
    'www.expired.example.net',
  ])
  return { says: `looks in vain for ${name}`, argv: dig(name), restSecs: random.between(3, 15) }
}

function dig(name: string, ...more: readonly string[]): string[] {
  return ['dig', '+short', '+time=2', '+tries=1', ...more, name, 'A']
}

function curl(rate: number): string[] {
  return ['curl', '--silent', '--max-time', '30', '--limit-rate', String(rate), '--output', '/dev/null']
}

/** One more page of the same curl. */
function next(rate: number, bytes: number, url: string): string[] {
  return ['--next', ...curl(rate).slice(1), '--range', `0-${bytes}`, url]
}
