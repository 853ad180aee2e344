/** The storage as a whole: capabilities, digests, compression and the owner.
 * @module */
import type { Owner } from '../../src/ports/owner.ts'
import { check, fails, pattern, put, type StorageCase, same, using } from './assert.ts'

const FLAGS = [
  'hardLinks',
  'syncReads',
  'atomicReplace',
  'exclusiveCreate',
  'randomWrite',
  'durableSync',
  'freeSpace',
] as const
const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
const utf8 = (text: string) => new TextEncoder().encode(text)

/** FIPS 180-4 examples, the empty input, and lengths at which padding and native code paths change. */
const SHA256_VECTORS: readonly (readonly [Uint8Array, string])[] = [
  [utf8(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  [utf8('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    utf8('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'),
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  [utf8('a'.repeat(1_000_000)), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
]

const capabilityCases: StorageCase[] = [
  [
    'capabilities holds seven booleans that do not change',
    async (storage) => {
      const before = FLAGS.map((flag) => storage.capabilities[flag])
      check(
        before.every((value) => typeof value === 'boolean'),
        'booleans',
      )
      await put(storage, 'f')
      same(
        FLAGS.map((flag) => storage.capabilities[flag]),
        before,
        'the flags',
      )
    },
  ],
  [
    'name and location are not empty',
    async (storage) => {
      check(storage.name.length > 0, 'a name')
      check(storage.location.length > 0, 'a location')
    },
  ],
  [
    'freeBytes() is a size with freeSpace and undefined without',
    async (storage) => {
      for (const moment of ['before', 'after']) {
        const free = await storage.freeBytes()
        if (storage.capabilities.freeSpace)
          check(Number.isFinite(free) && Number(free) > 0, `free bytes ${moment} the first file`)
        else same(free === undefined, true, 'the answer undefined')
        if (moment === 'before') await put(storage, 'f')
      }
    },
  ],
  [
    'link(), replace() and writeAt() refuse with CAPABILITY_MISSING exactly when their flag is false',
    async (storage) => {
      const { hardLinks, atomicReplace, randomWrite } = storage.capabilities
      await put(storage, 'f', pattern(5))
      await using(storage.openAppend('f'), async (handle) => {
        const calls: [boolean, () => unknown][] = [
          [randomWrite, () => handle.writeAt(0, pattern(2, 1))],
          [hardLinks, () => storage.link('f', 'g')],
          [atomicReplace, () => storage.replace('f', 'h')],
        ]
        for (const [can, call] of calls) {
          if (can) await call()
          else await fails('CAPABILITY_MISSING', call)
        }
      })
      same(await storage.exists('g'), hardLinks, 'exists of the link')
      same(await storage.exists('h'), atomicReplace, 'exists of the replaced name')
    },
  ],
]

const digestCases: StorageCase[] = [
  [
    'digest.crc32() gives the check value of ISO-HDLC and 0 for nothing',
    async ({ digest }) => {
      same(digest.crc32(utf8('123456789')), 0xcbf43926, 'the checksum')
      same(digest.crc32(new Uint8Array(0)), 0, 'the checksum of nothing')
      same(digest.crc32(new Uint8Array(0), 0xdeadbeef), 0xdeadbeef, 'the checksum of nothing, seeded')
      same(digest.crc32(pattern(10_000)), 0x881b314e, 'the checksum of 10,000 bytes')
    },
  ],
  [
    'digest.crc32() continues from a seed at any cut',
    async ({ digest }) => {
      const whole = pattern(5000)
      const expected = digest.crc32(whole)
      for (const cut of [0, 1, 15, 63, 64, 511, 512, 1023, 1024, 2500, 4488, 4999, 5000]) {
        same(digest.crc32(whole.subarray(cut), digest.crc32(whole.subarray(0, cut))), expected, `a cut at ${cut}`)
      }
    },
  ],
  [
    'digest.crc32() is unsigned and reads only its view',
    async ({ digest }) => {
      for (let length = 0; length < 200; length++) {
        const value = digest.crc32(pattern(400).subarray(100, 100 + length))
        check(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, 'an unsigned 32-bit integer')
        same(value, digest.crc32(pattern(400).slice(100, 100 + length)), 'the checksum of the view')
      }
    },
  ],
  [
    'digest.sha256() gives the vectors of FIPS 180-4',
    async ({ digest }) => {
      for (const [input, expected] of SHA256_VECTORS) same(hex(digest.sha256(input)), expected, `${input.length} bytes`)
    },
  ],
  [
    'digest.sha256() gives 32 bytes of their own and reads only its view',
    async ({ digest }) => {
      const first = digest.sha256(pattern(300).subarray(13, 200))
      const before = hex(first)
      const second = digest.sha256(pattern(300, 1))
      same([first.length, second.length], [32, 32], 'the lengths')
      second.fill(0)
      same(hex(first), before, 'the first digest')
      same(hex(digest.sha256(pattern(300).slice(13, 200))), before, 'the digest of a copy')
    },
  ],
]

const compressionCases: StorageCase[] = [
  [
    'compression.inflate() gives back what deflate() made smaller, in memory of its own',
    async ({ compression }) => {
      for (const size of [1, 63, 64, 1000, 16_384, 100_000]) {
        const raw = pattern(size).map((byte) => byte & 15)
        const deflated = (await compression.deflate(raw)).slice()
        if (size >= 1000) check(deflated.length < size * 0.75, `${size} bytes with half of their bits`)
        const inflated = await compression.inflate(deflated.slice(), size)
        deflated.fill(0)
        same(inflated.length, size, 'the size')
        check(
          inflated.every((byte, at) => byte === raw[at]),
          `the same ${size} bytes`,
        )
        same(Object.getPrototypeOf(inflated), Uint8Array.prototype, 'the prototype')
      }
    },
  ],
  [
    'compression reads only its view',
    async ({ compression }) => {
      const raw = pattern(2000)
      const deflated = await compression.deflate(raw.subarray(100, 900))
      const around = new Uint8Array(deflated.length + 20).fill(255)
      around.set(deflated, 10)
      const inflated = await compression.inflate(around.subarray(10, 10 + deflated.length), 800)
      same(hex(inflated), hex(raw.slice(100, 900)), 'the bytes')
    },
  ],
  [
    'compression.inflate() reads what another implementation wrote',
    async ({ compression }) => {
      // Stored, with fixed codes, and with codes of its own.
      same(hex(await compression.inflate(bytesOf('010300fcff616263'), 3)), '616263', 'a stored block')
      same(hex(await compression.inflate(bytesOf('4b4c4a0600'), 3)), '616263', 'fixed codes')
    },
  ],
  [
    'compression.inflate() refuses other sizes, cut and damaged bytes, and bombs',
    async ({ compression }) => {
      const raw = pattern(5000).map((byte) => byte & 31)
      const deflated = (await compression.deflate(raw)).slice()
      const refuses = (bytes: Uint8Array, rawBytes: number) =>
        fails('DECODE_FAILED', () => compression.inflate(bytes, rawBytes), `inflating to ${rawBytes} bytes`)
      for (const size of [1, 4999, 5001, 500_000]) await refuses(deflated, size)
      for (const cut of [0, 1, 10, deflated.length >> 1]) await refuses(deflated.subarray(0, cut), 5000)
      await refuses(Uint8Array.of(255, 255, 255), 3)
      const bomb = (await compression.deflate(new Uint8Array(8_000_000))).slice()
      await refuses(bomb, 1000)
    },
  ],
]

function bytesOf(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

const ownerCases: StorageCase[] = [
  [
    'owner.describe() has every part and gives the same answer twice',
    async ({ owner }) => {
      const self = owner.describe()
      for (const part of ['runtime', 'host', 'bootId', 'pidNamespace', 'startTime', 'machineId'] as const) {
        same(typeof self[part], 'string', `the type of ${part}`)
      }
      check(Number.isSafeInteger(self.pid) && self.pid >= 0, 'a process id')
      same(owner.describe(), self, 'the second answer')
    },
  ],
  [
    'owner.isGone() is false for this process when it has an id',
    async ({ owner }) => {
      const self = owner.describe()
      const known: Owner = JSON.parse(JSON.stringify(self))
      if (self.pid > 0) same(owner.isGone(known), false, 'the answer')
      same(typeof owner.isGone(known), 'boolean', 'the type of the answer')
    },
  ],
  [
    'owner.isGone() is false for a process of another host when this one has an id',
    async ({ owner }) => {
      const self = owner.describe()
      if (self.pid === 0) return
      same(owner.isGone({ ...self, host: `${self.host}-other`, machineId: '', pid: 2 ** 30 }), false, 'the answer')
    },
  ],
]

export const portCases: readonly StorageCase[] = [
  ...capabilityCases,
  ...digestCases,
  ...compressionCases,
  ...ownerCases,
]
