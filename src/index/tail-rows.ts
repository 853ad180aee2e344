/** The rows of the unsealed tail: what a checkpoint stores of each event, in columns, with strings interned.
 * @module */
import type { RowColumns } from './row-search.ts'
import type { TermField } from './term.ts'

/** The parts of an event's envelope that a checkpoint keeps. */
export interface TailRow {
  readonly kind: string
  readonly entity: string
  readonly id: string | undefined
  readonly correlationId: string | undefined
  readonly causationId: string | undefined
  readonly scope: string | undefined
  readonly lane: number | undefined
  readonly depth: number | undefined
  readonly tags: readonly string[] | undefined
  readonly idempotencyKey: string | undefined
}

/** A growing column of unsigned 32-bit integers, 0 where nothing was set: most optional fields never are. */
export class Column {
  #values = new Uint32Array(0)

  set(row: number, value: number): void {
    if (row >= this.#values.length) {
      const grown = new Uint32Array(Math.max(256, row * 2))
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values[row] = value
  }

  at(row: number): number {
    return this.#values[row] ?? 0
  }

  /** The first `length` values. */
  values(length: number): Uint32Array {
    if (length <= this.#values.length) return this.#values.subarray(0, length)
    const all = new Uint32Array(length)
    all.set(this.#values)
    return all
  }
}

/** A batch of rows and where it lies. */
export interface TailBatch {
  readonly rows: number
  readonly baseOffset: number
  readonly recordedAt: number
  readonly position: number
  /** Bytes of the batch. */
  readonly length: number
}

/** Rows in offset order. String id 0 is the empty string: none. */
export class TailRows implements RowColumns {
  readonly strings: string[] = ['']
  readonly #ids = new Map<string, number>([['', 0]])
  readonly kindIds = new Column()
  readonly entityIds = new Column()
  readonly eventIds = new Column()
  readonly correlationIds = new Column()
  readonly causationIds = new Column()
  readonly scopeIds = new Column()
  readonly lanes = new Column()
  readonly depths = new Column()
  readonly keyIds = new Column()
  /** Tags as pairs, in row order: the row, and the string. */
  readonly tagRows: number[] = []
  readonly tagIds: number[] = []
  /** Per batch; columns, because an object for each would cost an append by itself more than its row. */
  readonly #batchRows: number[] = []
  readonly #batchOffsets: number[] = []
  readonly #recordedAt: number[] = []
  readonly #positions: number[] = []
  readonly #lengths: number[] = []
  #baseOffset = 0
  /** Per string id: offset after its last event as an entity. */
  readonly #versions: number[] = []

  readonly #columns = {
    entity: this.entityIds,
    kind: this.kindIds,
    scope: this.scopeIds,
    id: this.eventIds,
    correlationId: this.correlationIds,
    causationId: this.causationIds,
    idempotencyKey: this.keyIds,
  }

  #length = 0
  #keys = 0
  #lastKind = ''
  #lastKindId = 0

  get length(): number {
    return this.#length
  }

  /** How many calls had an idempotency key. */
  get keys(): number {
    return this.#keys
  }

  /** Offset of the first row; 0 when there is none. */
  get baseOffset(): number {
    return this.#baseOffset
  }

  /** The batches in order, made for each call. */
  get batches(): TailBatch[] {
    return this.#batchRows.map((rows, at) => ({
      rows,
      baseOffset: this.#batchOffsets[at] ?? 0,
      recordedAt: this.#recordedAt[at] ?? 0,
      position: this.#positions[at] ?? 0,
      length: this.#lengths[at] ?? 0,
    }))
  }

  /** Where the batch of an offset lies, which must be one of a row. Cost: a binary search. */
  batchAt(offset: number): { readonly baseOffset: number; readonly position: number } {
    let low = 0
    let high = this.#batchOffsets.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#batchOffsets[middle] as number) <= offset) low = middle
      else high = middle - 1
    }
    return { baseOffset: this.#batchOffsets[low] ?? 0, position: this.#positions[low] ?? 0 }
  }

  /** Add the rows of a batch. Cost: a look-up per string. */
  add(rows: readonly TailRow[], batch: Omit<TailBatch, 'rows'>): void {
    if (this.#length === 0) this.#baseOffset = batch.baseOffset
    this.#batchRows.push(rows.length)
    this.#batchOffsets.push(batch.baseOffset)
    this.#recordedAt.push(batch.recordedAt)
    this.#positions.push(batch.position)
    this.#lengths.push(batch.length)
    let offset = batch.baseOffset
    for (const row of rows) {
      const at = this.#length++
      offset++
      const entity = this.#id(row.entity)
      this.#versions[entity] = offset
      this.entityIds.set(at, entity)
      if (row.kind !== this.#lastKind) {
        this.#lastKind = row.kind
        this.#lastKindId = this.#id(row.kind)
      }
      this.kindIds.set(at, this.#lastKindId)
      if (row.id !== undefined) this.eventIds.set(at, this.#id(row.id))
      if (row.correlationId !== undefined) this.correlationIds.set(at, this.#id(row.correlationId))
      if (row.causationId !== undefined) this.causationIds.set(at, this.#id(row.causationId))
      if (row.scope !== undefined) this.scopeIds.set(at, this.#id(row.scope))
      if (row.lane !== undefined) this.lanes.set(at, row.lane)
      if (row.depth !== undefined) this.depths.set(at, row.depth)
      if (row.idempotencyKey !== undefined) {
        const key = this.#id(row.idempotencyKey)
        this.keyIds.set(at, key)
        if (at === 0 || this.keyIds.at(at - 1) !== key) this.#keys++
      }
      if (row.tags !== undefined) {
        for (const tag of row.tags) {
          this.tagRows.push(at)
          this.tagIds.push(this.#id(tag))
        }
      }
    }
  }

  /** Add all rows of `other`, which follow these. */
  addAll(other: TailRows): void {
    let first = 0
    const text = (column: Column, row: number) => {
      const id = column.at(row)
      return id === 0 ? undefined : other.strings[id]
    }
    let tagAt = 0
    const tagsOf = (row: number) => {
      const tags: string[] = []
      for (; other.tagRows[tagAt] === row; tagAt++) tags.push(other.strings[other.tagIds[tagAt] ?? 0] ?? '')
      return tags.length === 0 ? undefined : tags
    }
    for (const { rows: count, ...batch } of other.batches) {
      const rows: TailRow[] = []
      for (let row = first; row < first + count; row++) {
        rows.push({
          kind: text(other.kindIds, row) ?? '',
          entity: text(other.entityIds, row) ?? '',
          id: text(other.eventIds, row),
          correlationId: text(other.correlationIds, row),
          causationId: text(other.causationIds, row),
          scope: text(other.scopeIds, row),
          lane: other.lanes.at(row),
          depth: other.depths.at(row),
          tags: tagsOf(row),
          idempotencyKey: text(other.keyIds, row),
        })
      }
      this.add(rows, batch)
      first += count
    }
  }

  idOf(text: string): number | undefined {
    return this.#ids.get(text)
  }

  column(field: Exclude<TermField, 'tag'>): ArrayLike<number> {
    return this.#columns[field].values(this.#length)
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
  versionOf(entity: string): number | undefined {
    const id = this.#ids.get(entity)
    return id === undefined ? undefined : this.#versions[id]
  }

  /** Every entity here with its version. */
  *versions(): Iterable<[string, number]> {
    for (const [id, text] of this.strings.entries()) {
      const version = this.#versions[id]
      if (version !== undefined) yield [text, version]
    }
  }
}
