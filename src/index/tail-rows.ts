/** The rows of the unsealed tail: what a checkpoint stores of each event, in columns, with strings interned.
 * @module */
import type { Row } from '../codec/block.ts'

/** A growing column of numbers that fit 32 bits. */
export class Column {
  #values = new Uint32Array(256)
  length = 0

  push(value: number): void {
    if (this.length === this.#values.length) {
      const grown = new Uint32Array(this.length * 2)
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values[this.length++] = value
  }

  get values(): Uint32Array {
    return this.#values.subarray(0, this.length)
  }
}

/** Where a batch lies. */
export interface BatchFactsOfRows {
  readonly baseOffset: number
  readonly recordedAt: number
  readonly position: number
  readonly length: number
}

/** Rows from `baseOffset`, dense. String id 0 is the empty string: none. */
export class TailRows {
  /** Offset of the first row; undefined while there is none. */
  baseOffset: number | undefined
  readonly strings: string[] = ['']
  readonly #ids = new Map<string, number>([['', 0]])
  readonly eventIds = new Column()
  readonly correlationIds = new Column()
  readonly causationIds = new Column()
  readonly entityIds = new Column()
  readonly scopeIds = new Column()
  readonly kindIds = new Column()
  readonly lanes = new Column()
  readonly depths = new Column()
  /** Rows of each batch, with its place. */
  readonly batches: (BatchFactsOfRows & { readonly rows: number })[] = []
  /** Per string id: offset after its last event as an entity; absent = none. */
  readonly #versions: number[] = []

  get length(): number {
    return this.entityIds.length
  }

  add(rows: readonly Row[], batch: BatchFactsOfRows): void {
    this.baseOffset ??= batch.baseOffset
    this.batches.push({ ...batch, rows: rows.length })
    let offset = batch.baseOffset
    for (const row of rows) {
      offset++
      const entity = this.#id(row.entity)
      this.entityIds.push(entity)
      this.#versions[entity] = offset
      this.kindIds.push(this.#id(row.kind))
      this.eventIds.push(row.id === undefined ? 0 : this.#id(row.id))
      this.correlationIds.push(row.correlationId === undefined ? 0 : this.#id(row.correlationId))
      this.causationIds.push(row.causationId === undefined ? 0 : this.#id(row.causationId))
      this.scopeIds.push(row.scope === undefined ? 0 : this.#id(row.scope))
      this.lanes.push(row.lane ?? 0)
      this.depths.push(row.depth ?? 0)
    }
  }

  #id(text: string): number {
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    const id = this.strings.length
    this.strings.push(text)
    this.#ids.set(text, id)
    return id
  }

  /** The version of an entity among these rows, or undefined when it has none here. */
  version(entity: string): number | undefined {
    const id = this.#ids.get(entity)
    return id === undefined ? undefined : this.#versions[id]
  }

  /** Every entity here with its version. */
  *versions(): Iterable<[string, number]> {
    for (const [id, version] of this.#versions.entries()) {
      if (version !== undefined) yield [this.strings[id] ?? '', version]
    }
  }
}
