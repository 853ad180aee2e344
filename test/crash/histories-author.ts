/** Changes histories, with values that are the same for the same numbers, and tells the ledger.
 * @module */
import type { AppendVersionOptions, History, HistoryOptions, MetricsSnapshot } from '../../src/history/types.ts'
import { isVarveError } from '../../src/index.ts'
import type { Store } from '../../src/store/types.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'
import type { Action, Step, StepLedger } from './histories-model.ts'

/** Ages of versions are counted in their numbers: each is `TICK_MS` after the one before. */
export const TICK_MS = 100

export const OPTIONS: HistoryOptions = {
  keyframeInterval: 4,
  tiers: {
    raw: { forMs: 5 * TICK_MS },
    compressed: { forMs: 10 * TICK_MS, everyMs: 2 * TICK_MS },
    archive: { forMs: 20 * TICK_MS, everyMs: 4 * TICK_MS },
  },
}

export interface Board {
  readonly number: number
  readonly rows: readonly { readonly id: number; readonly text: string; readonly at: number }[]
  readonly more: unknown
}

/** A value that does not compress away, about 80 bytes a row. @param seed boards of one seed differ in a few bytes. */
export function boardOf(number: number, { rows, seed }: { rows: number; seed: number }): Board {
  const bytes = seededRandom(seed).bytes(rows * 30)
  const text = (row: number) =>
    Array.from(bytes.subarray(row * 30, row * 30 + 30), (byte) => byte.toString(36)).join('')
  return {
    number,
    rows: Array.from({ length: rows }, (_, id) => ({ id, text: text(id), at: id === number % rows ? number : 0 })),
    more: [null, true, -0.5, 'größe', { nested: [[], {}], number }],
  }
}

export function metricsOf(number: number): MetricsSnapshot['metrics'] {
  const timestamps = [0n, 1n, 2n].map((step) => BigInt(number) * 1_000n + step)
  return { load: { timestamps, values: [number, number / 3, -number] }, idle: { timestamps: [7n], values: [number] } }
}

/** How a version differs from those before: in a few bytes, not at all, from the one before the last, wholly. */
export type How = 'edit' | 'equal' | 'back' | 'anew' | 'metrics'

interface Written {
  readonly values: Board[]
  seed: number
}

export class HistoryAuthor {
  readonly #store: Store
  readonly #ledger: StepLedger
  readonly #written = new Map<string, Written>()
  readonly #rows: number
  #next: number

  /** @param first the number of the first version, above those of all authors before it. */
  constructor(store: Store, ledger: StepLedger, { first, rows = 3 }: { first: number; rows?: number }) {
    this.#store = store
    this.#ledger = ledger
    this.#next = first
    this.#rows = rows
  }

  /** When the next version will be. */
  get now(): number {
    return this.#next * TICK_MS
  }

  async create(name: string, options: HistoryOptions = OPTIONS): Promise<void> {
    await this.#take({ name, action: { do: 'create', options } }, async () => {
      await this.#store.histories.open(name, { create: options })
    })
  }

  /** Append; the call is made before this returns its promise when the history is given. */
  async append(name: string, how: How = 'edit', given?: History): Promise<Step> {
    const history = given ?? (await this.#store.histories.open(name))
    const number = this.#next++
    const options: AppendVersionOptions & { at: number } = {
      at: number * TICK_MS,
      ...(number % 3 === 0 && { label: `label ${number}` }),
      ...(number % 4 === 1 && { metadata: { number, by: ['somebody'] } }),
      ...(number % 5 === 2 && { offset: number }),
    }
    if (how === 'metrics') {
      const metrics = metricsOf(number)
      const action: Action = { do: 'append', kind: 'metrics', value: { metrics }, options }
      return this.#append({ name, action }, () => {
        const { metadata, ...rest } = options
        return history.appendMetrics({ metrics, ...(metadata && { metadata }) }, rest)
      })
    }
    const value = this.#valueOf(name, how, number)
    const action: Action = { do: 'append', kind: 'value', value, options }
    return this.#append({ name, action }, () => history.append(value, options))
  }

  #valueOf(name: string, how: How, number: number): Board {
    const written = this.#written.get(name) ?? { values: [], seed: 1 }
    this.#written.set(name, written)
    const { values } = written
    if (how === 'anew') written.seed = number
    const fresh = () => boardOf(number, { rows: this.#rows, seed: written.seed })
    const before = how === 'equal' ? values.at(-1) : values.at(-2)
    const value = how === 'equal' || how === 'back' ? (before ?? fresh()) : fresh()
    values.push(value)
    return value
  }

  async #append(step: Step, append: () => Promise<{ readonly version: number; readonly at: number }>): Promise<Step> {
    return this.#take(step, async () => {
      const receipt = await append()
      if (step.action.do === 'append') mustEqual(receipt.at, step.action.options.at, `time of ${step.name}`)
      step.version = receipt.version
    })
  }

  async pin(name: string, version: number, isPinned = true): Promise<void> {
    const history = await this.#store.histories.open(name)
    await this.#take({ name, action: { do: isPinned ? 'pin' : 'unpin', version } }, async () => {
      const info = await (isPinned ? history.pin({ version }) : history.unpin({ version }))
      must(info.pinned === isPinned, () => `version ${version} of ${name} is not as asked`)
    })
  }

  /** @param mayBeIdle the disk may say that files end where they do not. */
  async cleanup(name: string, now = this.now, mayBeIdle = false): Promise<void> {
    const history = await this.#store.histories.open(name)
    const step: Step = { name, action: { do: 'cleanup', now } }
    await this.#take(step, async () => {
      const { kept, versions, rolledUp } = await history.cleanup({ now })
      step.idle = mayBeIdle && kept === versions && rolledUp === 0
    })
  }

  async change(name: string, options: HistoryOptions): Promise<void> {
    await this.#take({ name, action: { do: 'change', options } }, async () => {
      await this.#store.histories.change(name, options)
    })
  }

  async delete(name: string): Promise<void> {
    await this.#take({ name, action: { do: 'delete' } }, () => this.#store.histories.delete(name))
    this.#written.delete(name)
  }

  async #take(step: Step, take: () => Promise<void>): Promise<Step> {
    this.#ledger.attempt(step)
    try {
      await take()
    } catch (error) {
      step.failed = true
      step.refused = isVarveError(error, 'STORAGE_FULL')
      throw error
    }
    this.#ledger.acknowledge(step)
    return step
  }
}
