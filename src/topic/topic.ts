/** A topic of an open store as its writers use it: appends, folds, decisions, pruning.
 * @module */
import { VarveError } from '../errors.ts'
import { wholeOption } from '../options.ts'
import { type CheckedOptions, checkAppendOptions } from './append-options.ts'
import { decideOn, foldEntity } from './folds.ts'
import { rememberedKey } from './group-lookup.ts'
import { atIndex, checkIdentifier, eventList, prepareRows } from './prepare.ts'
import { type OpenPartition, ReadableTopic } from './readable.ts'
import { keyReused } from './repeats.ts'
import { type KindSchemas, validateEvents } from './schema.ts'
import { settingsOf } from './settings.ts'
import type {
  AppendOptions,
  DecideOptions,
  EventProof,
  Folded,
  NewEvent,
  Receipt,
  StoredEvent,
  Topic,
} from './types.ts'

export class LogTopic extends ReadableTopic implements Topic {
  schemas: KindSchemas | undefined
  /** The last call with each idempotency key that is under way, in a topic of several partitions. */
  readonly #keyed = new Map<string, Promise<unknown>>()

  append(events: NewEvent | readonly NewEvent[], options: AppendOptions = {}): Promise<Receipt> {
    try {
      this.checkOpen('append')
      if (this.context.readOnly) {
        throw new VarveError('STORE_READ_ONLY', `Cannot append to topic "${this.name}": the store is open read-only`)
      }
      const list = eventList(events)
      if (this.schemas === undefined) return this.#appendChecked(list, options)
      const checked = validateEvents(this.name, list, this.schemas)
      if (!(checked instanceof Promise)) return this.#appendChecked(checked, options)
      return checked.then((events) => this.#appendChecked(events, options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #appendChecked(given: readonly NewEvent[], options: AppendOptions): Promise<Receipt> {
    const checked = checkAppendOptions(options)
    const events = this.upcasts === undefined ? given : this.upcasts.stamp(given)
    const open = this.#partitionFor(events, checked, options.partition)
    const { writer } = open
    if (writer === undefined) throw new VarveError('STORE_CLOSED', 'Cannot append: the store is closed')
    const { expect, condition, key, durability, signal } = checked
    const now = this.context.clock.now()
    const { rows, sizeBytes, giveBack } = prepareRows(events, writer.encoder, { now, idempotencyKey: key })
    const timed = key === undefined ? undefined : events.map(({ at }) => at !== undefined)
    const call = { rows, sizeBytes, giveBack, expect, condition, key, timed, durability, signal }
    if (key === undefined || this.partitions === 1) return writer.append(call)
    return this.#oneByKey(key, async () => {
      await this.#checkKeyElsewhere(key, open)
      return writer.append(call)
    })
  }

  /** Calls with the same key one after the other: two partitions cannot decide about one key together. */
  #oneByKey<T>(key: string, run: () => Promise<T>): Promise<T> {
    const before = this.#keyed.get(key) ?? Promise.resolve()
    const running = before.then(run)
    const settled = running.then(
      () => undefined,
      () => undefined,
    )
    this.#keyed.set(key, settled)
    void settled.then(() => {
      if (this.#keyed.get(key) === settled) this.#keyed.delete(key)
    })
    return running
  }

  /** @throws {VarveError} `KEY_REUSED` when another partition has a call with this key. */
  async #checkKeyElsewhere(key: string, here: OpenPartition): Promise<void> {
    const { context } = this
    const window = settingsOf(this.row()).idempotency
    for (const { partition, terms } of this.open) {
      if (partition === here.partition) continue
      const offset = await rememberedKey(key, { context, partition, terms, window })
      if (offset !== undefined) throw keyReused(this.name, key, offset)
    }
  }

  /** The one partition of a call. @throws {VarveError} `PARTITION_SPANNED`, `PARTITION_UNKNOWN`, `OPTION_INVALID`. */
  #partitionFor(events: readonly NewEvent[], checked: CheckedOptions, named: number | undefined): OpenPartition {
    if (named !== undefined) this.partition(named)
    if (this.partitions === 1) return this.partition(0)
    const found = new Map<number, string>()
    const note = (entity: string) => found.set(this.partitionOf(entity), entity)
    for (const [index, { entity }] of events.entries()) {
      try {
        checkIdentifier(entity, 'entity')
      } catch (error) {
        throw atIndex(error, index, events.length)
      }
      note(entity)
    }
    for (const { entity } of checked.expect) note(entity)
    for (const { entity } of checked.condition?.clauses ?? []) {
      // One partition cannot tell what the others hold.
      if (entity !== undefined) note(entity)
      else if (named === undefined) throw needsPartition()
    }
    const [only] = found.keys()
    if (found.size > 1 || (named !== undefined && named !== only)) {
      const partitions = [...found].map(([partition, entity]) => ({ partition, entity }))
      const message = `Cannot append to topic "${this.name}" in one call: its entities belong to ${found.size} partitions`
      throw new VarveError('PARTITION_SPANNED', message, { details: { topic: this.name, named, partitions } })
    }
    return this.partition(only ?? 0)
  }

  /** The version of an entity whose events were all pruned, else 0. */
  async prunedVersion(entity: string): Promise<number> {
    const { partition, terms } = this.partition(this.partitionOf(entity))
    return partition.logStartOffset === 0 ? 0 : terms.prunedVersion(entity)
  }

  async proof(offset: number, options: { readonly partition?: number } = {}): Promise<EventProof | undefined> {
    this.checkOpen('prove')
    wholeOption('offset', offset, { least: 0 })
    const { partition } = this.one(options.partition)
    return partition.drive(partition.proof(offset))
  }

  async fold<S>(entity: string, reduce: (state: S, event: StoredEvent) => S, initial: S): Promise<Folded<S>> {
    checkIdentifier(entity, 'entity')
    return foldEntity(this, entity, { reduce, initial })
  }

  async decide<S>(
    entity: string,
    reduce: (state: S, event: StoredEvent) => S,
    initial: S,
    decision: (state: S) => readonly NewEvent[] | NewEvent | Promise<readonly NewEvent[] | NewEvent>,
    options: DecideOptions = {},
  ): Promise<Folded<S> & { readonly receipt?: Receipt }> {
    checkIdentifier(entity, 'entity')
    return decideOn(this, { entity, reduce, initial, decision, options })
  }
}

function needsPartition(): VarveError {
  const rule = 'needs an entity in every clause, or `partition`, in a topic with several'
  return new VarveError('OPTION_INVALID', `Cannot use option "condition": it ${rule}`, {
    details: { option: 'condition', rule },
  })
}
