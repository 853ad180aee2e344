/** Two or more processes over one place, in one process: owners by number, a clock that moves when someone sleeps, and
 * gates that stop a contender before any call of its storage.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { VarveError } from '../../../src/errors.ts'
import { type Acquired, acquire } from '../../../src/manifest/acquire.ts'
import type { Closed, SegmentAdded, TopicCreated } from '../../../src/manifest/records.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { Owner } from '../../../src/ports/owner.ts'
import type { Random } from '../../../src/ports/random.ts'
import type { Storage, StorageCapabilities } from '../../../src/ports/storage.ts'

export const HASH_0 = '0'.repeat(64)
export const HASH_1 = '1'.repeat(64)

let numbersMade = 0

/** Repeatable, and never the same twice in a run, as the real one: claims given up are remembered per process. */
const random: Random = {
  bytes(length) {
    const bytes = new Uint8Array(length)
    const view = new DataView(bytes.buffer)
    for (let at = 0; at < length; at++) {
      let mixed = Math.imul(++numbersMade, 0x9e3779b1)
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b)
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
      view.setUint8(at, (mixed ^ (mixed >>> 16)) & 255)
    }
    return bytes
  },
}

/** A machine with processes by pid, and a place for files. */
export class Machine {
  readonly files: Storage = memoryStorage()
  readonly alive = new Set<number>()
  readonly clock = new TestClock()
  capabilities: Partial<StorageCapabilities> = {}
  /** Every removal fails. */
  keepsFiles = false
  readonly random: Random = random

  /** The storage as the process `pid` sees it. */
  storage(pid: number, gate?: () => Promise<void>): Storage {
    this.alive.add(pid)
    const capabilities = { ...this.files.capabilities, ...this.capabilities }
    const owner = { describe: () => ownerOf(pid), isGone: (other: Owner) => !this.alive.has(other.pid) }
    const remove = async (path: string) => {
      await gate?.()
      if (this.keepsFiles) throw new VarveError('STORAGE_DENIED', `Cannot remove "${path}"`)
      await this.files.remove(path)
    }
    return gated(this.files, { capabilities, owner, remove }, gate)
  }

  acquire(pid: number, more: Partial<Parameters<typeof acquire>[0]> = {}): Promise<Acquired> {
    const { clock, random } = this
    return acquire({ storage: this.storage(pid), clock, random, takeOver: false, lockTimeoutMs: 0, ...more })
  }

  async names(): Promise<string[]> {
    return (await this.files.list('')).map((entry) => entry.name)
  }
}

/** A clock on which sleeping is the only thing that takes time. `onSleep` runs before each sleeper wakes. */
export class TestClock implements Clock {
  timeMs = 1_000_000
  onSleep: (() => unknown) | undefined
  now = () => this.timeMs
  monotonic = () => this.timeMs
  after(delayMs: number, run: () => void): () => void {
    let cancelled = false
    void Promise.resolve().then(async () => {
      this.timeMs += delayMs
      await this.onSleep?.()
      if (!cancelled) run()
    })
    return () => {
      cancelled = true
    }
  }
}

/** Stops whoever passes it before call number `stopAt`, counted from 0, until `open`. */
export class Gate {
  calls = 0
  readonly #stopAt: number
  #inner: Gate | undefined
  readonly #opened = latch()
  readonly #reached = latch()

  constructor(stopAt: number) {
    this.#stopAt = stopAt
  }

  pass = async (): Promise<void> => {
    const inner = this.#inner
    if (inner !== undefined) return inner.pass()
    if (this.calls++ !== this.#stopAt) return
    this.#reached.open()
    await this.#opened.passed
  }

  /** A new gate in the place of this one, which counts from 0. */
  stopAgain(stopAt: number): Gate {
    this.#inner = new Gate(stopAt)
    return this.#inner
  }

  /** Resolves when the contender stands at the gate, or is done without coming there. */
  async reached(work: Promise<unknown>): Promise<void> {
    await Promise.race([this.#reached.passed, work.catch(() => undefined)])
  }

  open(): void {
    this.#opened.open()
  }
}

function latch(): { passed: Promise<void>; open: () => void } {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

function gated<T extends object>(target: T, overrides: object, gate?: () => Promise<void>): T {
  return new Proxy(target, {
    get(object, key) {
      if (key in overrides) return Reflect.get(overrides, key)
      const value: unknown = Reflect.get(object, key, object)
      if (typeof value !== 'function' || gate === undefined)
        return typeof value === 'function' ? value.bind(object) : value
      return async (...args: unknown[]) => {
        await gate()
        const result: unknown = await value.apply(object, args)
        const isHandle = typeof result === 'object' && result !== null && 'close' in result && 'path' in result
        return isHandle ? gated(result, {}, gate) : result
      }
    },
  })
}

export function ownerOf(pid: number): Owner {
  return { runtime: 'test', host: 'h', bootId: 'b', pidNamespace: 'n', pid, startTime: 's', machineId: 'm' }
}

/** A topic with one partition and one segment. */
export function topicCreated(id: number, name = `topic-${id}`): TopicCreated {
  const segment = { file: '00000000000000000000.log', id: segmentId(id), baseOffset: 0, hashBefore: HASH_0 }
  const partition = { partition: 0, headSlot: id, logStartOffset: 0, logStartHash: HASH_0, segments: [segment] }
  const options = { partitions: 1, segmentBytes: 1 << 26, partitioner: 1 as const }
  return {
    type: 'topic-created',
    topic: { name, id, lineage: `l${id}`, createdAt: 1, options, partitions: [partition] },
  }
}

/** Seals the first segment at an offset and goes on in another. */
export function segmentAdded(topic: number, endOffset = 7): SegmentAdded {
  const file = `${endOffset.toString().padStart(20, '0')}.log`
  return {
    type: 'segment-added',
    topic,
    partition: 0,
    seal: { endOffset, endPosition: endOffset * 100, endHash: HASH_1 },
    segment: { file, id: segmentId(topic + 1000), baseOffset: endOffset, hashBefore: HASH_1 },
  }
}

export function closed(...topics: number[]): Closed {
  const end = { position: 900, offset: 9, hash: HASH_1 }
  return { type: 'closed', partitions: topics.map((topic) => ({ topic, partition: 0, ...end })) }
}

function segmentId(id: number): string {
  return id.toString(16).padStart(16, '0')
}

/** Read a file of a storage whole. */
export async function bytesOf(storage: Storage, path: string): Promise<Uint8Array> {
  const handle = await storage.openRead(path)
  const bytes = new Uint8Array(await handle.size())
  await handle.read(0, bytes)
  await handle.close()
  return bytes
}

/** Replace what a file holds. */
export async function setBytes(storage: Storage, path: string, bytes: Uint8Array): Promise<void> {
  await storage.remove(path)
  const handle = await storage.createExclusive(path)
  await handle.append(bytes)
  await handle.close()
}
