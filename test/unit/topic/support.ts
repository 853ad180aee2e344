/** A storage whose calls are recorded, held back or failed, and a store over it with a clock that a test moves.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'
import type { OwnerPort } from '../../../src/ports/owner.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import type { Diagnostic, Store, StoreOptions } from '../../../src/store/types.ts'
import type { NewEvent, Topic, TopicOptions } from '../../../src/topic/types.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

/** One call of a storage or of a handle. */
export interface Call {
  readonly op: string
  readonly path: string
}

const WRITING = [
  ...['append', 'writeAt', 'sync', 'truncate', 'createExclusive', 'openAppend'],
  ...['link', 'linkFrom', 'replace', 'remove', 'removeDirectory'],
]

export const isWrite = ({ op }: Call) => WRITING.includes(op) || op === 'syncDirectory'
export const isLog = ({ path }: Call) => path.endsWith('.log')

let views = 0

/** A view of a storage: every call passes `before`, which may throw, or hold the call back with a promise; calls that
 * answer with a promise fail with a promise. */
export class Wire {
  readonly calls: Call[] = []
  readonly storage: Storage
  before: ((call: Call) => undefined | Promise<unknown>) | undefined

  /** @param overrides of the storage's own properties; each view has a location of its own, as of another process. */
  constructor(files: Storage = memoryStorage(), overrides: Partial<Storage> = {}) {
    this.storage = this.#wrap(files, { location: `view:${++views}`, ...overrides }, undefined)
  }

  #wrap<T extends object>(target: T, overrides: object, path: string | undefined): T {
    return new Proxy(target, {
      get: (object, key) => {
        if (key in overrides) return Reflect.get(overrides, key)
        const value: unknown = Reflect.get(object, key, object)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          const call = { op: String(key), path: path ?? String(args[0]) }
          this.calls.push(call)
          const run = (): unknown => {
            const result: unknown = value.apply(object, args)
            return result instanceof Promise ? result.then((one) => this.#wrapHandle(one)) : this.#wrapHandle(result)
          }
          const held = this.before?.(call)
          return held === undefined ? run() : held.then(run)
        }
      },
    })
  }

  #wrapHandle(result: unknown): unknown {
    if (typeof result !== 'object' || result === null || !('close' in result)) return result
    const noSync = this.storage.capabilities.syncReads ? {} : { readSync: undefined }
    return this.#wrap(result, noSync, (result as unknown as { path: string }).path)
  }

  count(wanted: (call: Call) => boolean): number {
    return this.calls.filter(wanted).length
  }
}

/** Another process, by number, in which nobody can tell whether any other is gone. */
export function processOf(pid: number): OwnerPort {
  const owner = { runtime: 'test', host: 'h', bootId: 'b', pidNamespace: 'n', pid, startTime: 's', machineId: 'm' }
  return { describe: () => owner, isGone: () => false }
}

/** A promise that a test settles. */
export class Gate {
  open: () => void = () => undefined
  fail: (error: unknown) => void = () => undefined
  readonly passed = new Promise<void>((resolve, reject) => {
    this.open = resolve
    this.fail = reject
  })
}

export interface Log {
  readonly wire: Wire
  readonly clock: ManualClock
  readonly store: Store
  readonly topic: Topic
  readonly diagnostics: Diagnostic[]
}

export interface LogOptions extends Partial<Omit<StoreOptions, 'clock'>> {
  readonly wire?: Wire
  readonly clock?: ManualClock
  readonly topic?: TopicOptions
}

/** Open a store over a wire, and the topic `orders` in it. */
export async function openLog(options: LogOptions = {}): Promise<Log> {
  const { wire = new Wire(), clock = new ManualClock(), topic, ...more } = options
  const diagnostics: Diagnostic[] = []
  const store = await openStore({
    storage: wire.storage,
    clock,
    onDiagnostic: (diagnostic) => void diagnostics.push(diagnostic),
    ...more,
  })
  const create = topic ?? (true as const)
  return { wire, clock, store, topic: await store.topics.open('orders', { create }), diagnostics }
}

/** Random bytes by number, for stores whose names must be the same in every run. */
export const random = seededRandom(1)

export const event = (entity: string, data: unknown = null, kind = 'Noted'): NewEvent => ({ kind, entity, data })

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** The code of the error that `work` rejects with, or what it resolves to. */
export async function outcome<T>(work: Promise<T>): Promise<T | string> {
  return work.catch((error: { code?: string; name: string }) => error.code ?? error.name)
}

/** What a promise is by now. */
export async function stateOf(work: Promise<unknown>): Promise<'pending' | 'resolved' | 'rejected'> {
  let state: 'pending' | 'resolved' | 'rejected' = 'pending'
  work.then(
    () => {
      state = 'resolved'
    },
    () => {
      state = 'rejected'
    },
  )
  await settle(200)
  return state
}
