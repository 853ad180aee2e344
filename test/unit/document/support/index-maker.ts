/** Path indexes of any shape, made from a seed: a walk over a tree that is made up on the way.
 * @module */
import { type IndexItems, ITEM, type PathIndex } from '../../../../src/document/index/format.ts'
import { type Draw, draws } from '../../../support/seeded-random.ts'

export const BLOCK_RAW_BYTES = 500

/** One item, for tests that write indexes by hand. */
export interface Item {
  kind: number
  depth: number
  address: number
  ordinal?: number
  size?: number
  key?: string | number
  count?: number
  pages?: number
}

export function itemsOf(rows: readonly Item[]): IndexItems {
  return {
    count: rows.length,
    kinds: Uint8Array.from(rows, (row) => row.kind),
    depths: Uint16Array.from(rows, (row) => row.depth),
    addresses: Float64Array.from(rows, (row) => row.address),
    ordinals: Float64Array.from(rows, (row) => row.ordinal ?? 0),
    sizes: Float64Array.from(rows, (row) => row.size ?? 0),
    keys: rows.map((row) => row.key),
    counts: Float64Array.from(rows, (row) => row.count ?? 0),
    pages: Float64Array.from(rows, (row) => row.pages ?? 0),
  }
}

const TEXTS = ['', 'a', 'name', 'größe', '🌲', '__proto__', '\ufeffbom', 'x'.repeat(70), '\ud800', 'a\udfff!', '0']

/** An index, and the address behind its document. Addresses pass 2^32 now and then. */
export function makeIndex(seed: number, most = 200): { index: PathIndex; endAddress: number } {
  const maker = new Maker(draws(seed))
  const rows = maker.rows(1 + (maker.draw() % most))
  const endAddress = (rows[0] as Item).address + ((rows[0] as Item).size as number) + (maker.draw() % 9)
  return { index: { items: itemsOf(rows), keys: maker.table }, endAddress }
}

class Maker {
  readonly draw: Draw
  readonly table: string[] = []
  #address = 0
  #left = 0

  constructor(draw: Draw) {
    this.draw = draw
    const wanted = draw() % 12
    for (let i = 0; i < wanted; i++) this.table.push(`key ${i}${'é'.repeat(draw() % 3)}`)
  }

  rows(count: number): Item[] {
    this.#left = count - 1
    this.#address = this.draw() % 200
    const rows: Item[] = []
    this.#entry(rows, 0, undefined)
    return rows
  }

  #gap(): number {
    const kind = this.draw() % 50
    return 1 + (kind === 0 ? this.draw() * 1000 : kind < 10 ? this.draw() % 40_000 : this.draw() % 60)
  }

  #entry(rows: Item[], depth: number, key: string | number | undefined): Item {
    const kind = this.#left > 0 && this.draw() % 3 > 0 ? 2 + (this.draw() % 2) : ITEM.scalar
    const item: Item = { kind, depth, address: this.#address }
    if (key !== undefined) item.key = key
    rows.push(item)
    this.#address += this.#gap()
    if (kind !== ITEM.scalar) this.#children(rows, item)
    item.size = this.#address - item.address
    return item
  }

  #children(rows: Item[], item: Item): void {
    const { draw } = this
    let ordinal = 0
    for (let wanted = depthLimited(draw, item.depth); wanted > 0 && this.#left > 0; wanted--) {
      this.#left--
      ordinal += draw() % 4
      this.#address += this.#gap()
      const key = item.kind === ITEM.object ? this.#key() : undefined
      const child = draw() % 2 === 0 ? this.#range(rows, item.depth + 1) : this.#entry(rows, item.depth + 1, key)
      child.ordinal = ordinal++
      this.#address += ordinal
    }
    item.count = ordinal + (draw() % 3)
    this.#address += item.count
    if (item.kind !== ITEM.object || draw() % 3 > 0) return
    item.pages = Math.floor(item.address / BLOCK_RAW_BYTES) + 2 + (draw() % 3)
    this.#address += 5 * BLOCK_RAW_BYTES
  }

  #range(rows: Item[], depth: number): Item {
    const item: Item = { kind: ITEM.range, depth, address: this.#address }
    rows.push(item)
    this.#address += this.#gap()
    return item
  }

  #key(): string | number {
    const { draw, table } = this
    const form = draw() % 8
    if (form === 0) return draw() % 2 === 0 ? draw() : -draw() - 1
    if (form === 1) return draw() % 2 === 0 ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER
    if (form < 5 && table.length > 0) return table[draw() % table.length] as string
    return TEXTS[draw() % TEXTS.length] as string
  }
}

/** How many children to make: fewer further down, and now and then one chain to the bottom. */
function depthLimited(draw: Draw, depth: number): number {
  if (depth >= 1_024) return 0
  return depth > 20 ? 1 : 1 + (draw() % (depth > 4 ? 2 : 30))
}
