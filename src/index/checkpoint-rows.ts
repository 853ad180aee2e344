/** The rows of a checkpoint: all of them, or single ones found without reading the others.
 * @module */
import { sameBytes, utf8 } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { type Body, readStrings, refuse, whole } from './checkpoint-body.ts'
import { loadColumn } from './columns.ts'
import type { RowColumns } from './row-search.ts'
import { type TailBatch, type TailRow, TailRows } from './tail-rows.ts'
import type { TermField } from './term.ts'

/** Decode every row. @throws {VarveError} `DECODE_FAILED` with the reason. */
export function readRows(body: Body, batches: readonly TailBatch[], version: number): TailRows {
  const count = whole(body.rows, 'rows')
  const strings = readStrings(body)
  const column = (name: string) => loadColumn(body[name], count, name)
  const ids = (name: string) => {
    const values = column(name)
    if (values.some((id) => strings[id] === undefined)) throw refuse(`a string id of ${name} is out of range`)
    return values
  }
  const offsets = column('offset')
  if (offsets.some((offset, row) => row > 0 && offset <= (offsets[row - 1] ?? 0)))
    throw refuse('the rows are not in order')
  const columns = {
    kind: ids('kindId'),
    entity: ids('entityId'),
    id: ids('eventId'),
    correlationId: ids('correlationId'),
    causationId: ids('causationId'),
    scope: ids('scopeId'),
    key: version < 6 ? [] : ids('keyId'),
    lane: version < 4 ? [] : column('lane'),
    depth: version < 4 ? [] : column('depth'),
  }
  if (columns.entity.includes(0)) throw refuse('a row has no entity')
  const text = (id: number | undefined) => (id === undefined || id === 0 ? undefined : strings[id])
  const rows = new TailRows()
  const tagsOf = tagReader(readTags(body, version), strings)
  let first = 0
  for (const { rows: batchRows, ...batch } of batches) {
    const list: TailRow[] = []
    for (let row = first; row < first + batchRows; row++) {
      list.push({
        kind: text(columns.kind[row]) ?? '',
        entity: text(columns.entity[row]) ?? '',
        id: text(columns.id[row]),
        correlationId: text(columns.correlationId[row]),
        causationId: text(columns.causationId[row]),
        scope: text(columns.scope[row]),
        lane: columns.lane[row],
        depth: columns.depth[row],
        tags: tagsOf(row),
        idempotencyKey: text(columns.key[row]),
      })
    }
    rows.add(list, batch)
    first += batchRows
  }
  return rows
}

interface Tags {
  readonly rows: readonly number[]
  readonly ids: readonly number[]
}

/** Tags exist since version 6. */
function readTags(body: Body, version: number): Tags {
  if (version < 6) return { rows: [], ids: [] }
  const count = whole(body.tags, 'tags')
  const tags = { rows: loadColumn(body.tagRow, count, 'tagRow'), ids: loadColumn(body.tagId, count, 'tagId') }
  if (tags.rows.some((row, at) => row < (tags.rows[at - 1] ?? 0))) throw refuse('the tags are not in order')
  return tags
}

/** Gives the tags of one row after the other. */
function tagReader(tags: Tags, strings: readonly string[]): (row: number) => string[] | undefined {
  let at = 0
  return (row) => {
    const texts: string[] = []
    for (; tags.rows[at] === row; at++) {
      const text = strings[tags.ids[at] ?? -1]
      if (text === undefined) throw refuse('a string id of tagId is out of range')
      texts.push(text)
    }
    return texts.length === 0 ? undefined : texts
  }
}

const COLUMN_NAMES = {
  entity: 'entityId',
  kind: 'kindId',
  scope: 'scopeId',
  id: 'eventId',
  correlationId: 'correlationId',
  causationId: 'causationId',
  idempotencyKey: 'keyId',
} as const satisfies Record<Exclude<TermField, 'tag'>, string>

/** The rows of a checkpoint as they are stored. A column is decoded when it is first asked for, and no map of strings
 * is ever built: they are found in the stored order of their checksums. Every method throws `DECODE_FAILED` with the
 * reason where the stored form is wrong. */
export class CheckpointRows implements RowColumns {
  readonly length: number
  readonly baseOffset: number
  readonly #body: Body
  readonly #batches: readonly TailBatch[]
  readonly #version: number
  readonly #digest: Digest
  readonly #columns = new Map<string, readonly number[]>()
  #tags: Tags | undefined

  constructor(
    body: Body,
    facts: { batches: readonly TailBatch[]; version: number; endOffset: number; digest: Digest },
  ) {
    this.#body = body
    this.#batches = facts.batches
    this.#version = facts.version
    this.#digest = facts.digest
    this.length = whole(body.rows, 'rows')
    this.baseOffset = facts.endOffset - this.length
  }

  /** Whether the rows say anything of a field: tags and idempotency keys came with version 6. */
  covers(field: TermField): boolean {
    return this.#version >= 6 || (field !== 'tag' && field !== 'idempotencyKey')
  }

  /** How many calls had an idempotency key. */
  get keys(): number {
    if (!this.covers('idempotencyKey')) return 0
    let keys = 0
    let before = 0
    for (const key of this.column('idempotencyKey')) {
      if (key !== 0 && key !== before) keys++
      before = key
    }
    return keys
  }

  column(field: Exclude<TermField, 'tag'>): readonly number[] {
    return this.#column(COLUMN_NAMES[field], this.length)
  }

  #column(name: string, length: number): readonly number[] {
    const known = this.#columns.get(name)
    if (known !== undefined) return known
    const column = loadColumn(this.#body[name], length, name)
    this.#columns.set(name, column)
    return column
  }

  get tagRows(): readonly number[] {
    this.#tags ??= readTags(this.#body, this.#version)
    return this.#tags.rows
  }

  get tagIds(): readonly number[] {
    this.#tags ??= readTags(this.#body, this.#version)
    return this.#tags.ids
  }

  idOf(text: string): number | undefined {
    const blob = this.#body.strings
    if (!(blob instanceof Uint8Array)) throw refuse('the strings are missing')
    const count = whole(this.#body.stringCount, 'stringCount')
    if (count > blob.length + 1) throw refuse('there are more strings than bytes')
    const ends = this.#column('ends', count)
    const order = this.#column('order', count)
    const stringAt = (id: number) => blob.subarray(id === 0 ? 0 : ends[id - 1], ends[id])
    const wanted = utf8(text)
    const hash = this.#digest.crc32(wanted)
    const hashAt = (at: number) => this.#digest.crc32(stringAt(order[at] ?? 0))
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (hashAt(middle) < hash) low = middle + 1
      else high = middle
    }
    for (; low < count && hashAt(low) === hash; low++) {
      const id = order[low] ?? 0
      if (sameBytes(stringAt(id), wanted)) return id
    }
    return undefined
  }

  /** The version of an entity, or undefined when it has no event here. */
  versionOf(entity: string): number | undefined {
    const id = entity === '' ? undefined : this.idOf(entity)
    if (id === undefined) return undefined
    return this.#column('clock', this.length)[this.column('entity').lastIndexOf(id)]
  }

  /** Where the batch of an offset lies. Cost: a binary search. */
  batchAt(offset: number): { readonly baseOffset: number; readonly position: number } {
    let low = 0
    let high = this.#batches.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#batches[middle] as TailBatch).baseOffset <= offset) low = middle
      else high = middle - 1
    }
    const batch = this.#batches[low]
    return { baseOffset: batch?.baseOffset ?? 0, position: batch?.position ?? 0 }
  }
}
