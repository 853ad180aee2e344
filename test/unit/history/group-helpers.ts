/** Groups in a storage, written version by version as a history does.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { applyPatch } from '../../../src/history/apply.ts'
import { contentHashOf } from '../../../src/history/content-hash.ts'
import { copyValue } from '../../../src/history/copy-value.ts'
import { diffValues } from '../../../src/history/diff.ts'
import { GroupFile, type GroupPlace, type VersionFacts } from '../../../src/history/group-file.ts'
import { GroupWriter } from '../../../src/history/group-writer.ts'
import type { GroupRow } from '../../../src/manifest/histories.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import type { Storage } from '../../../src/ports/storage.ts'

export const ID = '0123456789abcdef'

export function placeIn(storage: Storage, file = 'fedcba9876543210'): GroupPlace {
  const path = `histories/board/${file}.vgrp`
  return { storage, clock: systemClock, history: 'board', path, storeId: 'store', id: ID }
}

export type Extra = Partial<Omit<VersionFacts, 'version' | 'hash' | 'rawBytes'>> & { readonly version?: number }

/** Writes one group, without limits to its size. */
export class GroupMaker {
  readonly place: GroupPlace
  readonly values: unknown[] = []
  readonly facts: VersionFacts[] = []
  readonly frameBytes: number[] = []
  writer: GroupWriter | undefined
  /** Whether the last frame had room. */
  hasRoom = true
  #value: unknown

  constructor(place: GroupPlace = placeIn(memoryStorage())) {
    this.place = place
  }

  async add(value: unknown, extra: Extra = {}): Promise<void> {
    const { digest } = this.place.storage
    const version = extra.version ?? (this.facts.at(-1)?.version ?? 0) + 1
    const at = this.facts.at(-1)?.at ?? 1_700_000_000_000
    const facts = { kind: 'value' as const, at: at + 61_000, ...extra, version, ...contentHashOf(digest, value) }
    this.facts.push(facts)
    this.values.push(copyValue(value))
    if (this.writer === undefined) {
      this.#value = copyValue(value)
      this.writer = await GroupWriter.create(this.place, { value: this.#value, facts })
      this.frameBytes.push(this.writer.endBytes)
      return
    }
    const { writer } = this
    const patch = diffValues(this.#value, value)
    const same = patch === undefined ? undefined : writer.findSame(facts.hash)
    const frame = await writer.encode(facts, same === undefined ? { patch } : { same })
    if (patch !== undefined) this.#value = applyPatch(this.#value, patch)
    this.hasRoom = writer.hasRoom(frame)
    await writer.write(frame)
    this.frameBytes.push(frame.length)
  }

  /** Leave the file as a history that has been closed does. */
  async rest(): Promise<GroupRow> {
    await this.writer?.sync()
    await this.writer?.close()
    this.writer = undefined
    return this.row()
  }

  /** Go on with the file. */
  async resume(row: GroupRow): Promise<void> {
    const file = await GroupFile.open(this.place, row)
    this.#value = await file.value(row.lastVersion)
    this.writer = await GroupWriter.resume(this.place, file, row)
    await file.close()
  }

  row(): GroupRow {
    const first = this.facts[0] as VersionFacts
    const last = this.facts.at(-1) as VersionFacts
    const versions = this.facts.map(({ version }) => version)
    const isDense = last.version - first.version === versions.length - 1
    return {
      id: this.place.id,
      file: this.place.path.slice(-21, -5),
      tier: 'raw',
      firstVersion: first.version,
      lastVersion: last.version,
      ...(!isDense && { versions }),
      firstAt: first.at,
      lastAt: last.at,
      endBytes: this.frameBytes.reduce((sum, size) => sum + size, 0),
      rawBytes: this.facts.reduce((sum, { rawBytes }) => sum + rawBytes, 0),
    }
  }
}

/** Write a group of these values and open it. */
export async function groupOf(values: readonly unknown[], place?: GroupPlace) {
  const maker = new GroupMaker(place)
  for (const value of values) await maker.add(value)
  const row = await maker.rest()
  return { maker, row, file: await GroupFile.open(maker.place, row) }
}

/** All of a file. */
export async function bytesOf(storage: Storage, path: string): Promise<Uint8Array> {
  const handle = await storage.openRead(path)
  const bytes = new Uint8Array(await handle.size())
  await handle.read(0, bytes)
  await handle.close()
  return bytes
}

export async function writeFile(storage: Storage, path: string, bytes: Uint8Array): Promise<void> {
  await storage.remove(path)
  const handle = await storage.createExclusive(path)
  await handle.append(bytes)
  await handle.close()
}

export interface Shape {
  id: string
  type: string
  x: number
  y: number
  width: number
  height: number
  text: string
  style: { fill: string; stroke: string; opacity: number }
  points: [number, number][]
}

/** A drawing of about `shapes` x 640 bytes of JSON, the same for the same seed. */
export function board(shapes: number, seed = 1): { name: string; version: number; shapes: Shape[] } {
  const next = numbersOf(seed)
  const colors = ['#1e1e1e', '#e03131', '#2f9e44', '#1971c2', '#f08c00', 'transparent']
  const color = () => colors[Math.floor(next() * colors.length)] as string
  const list: Shape[] = []
  for (let index = 0; index < shapes; index++) {
    const points = Array.from({ length: 12 }, (): [number, number] => [
      Math.round(next() * 40_000) / 100,
      Math.round(next() * 40_000) / 100,
    ])
    list.push({
      id: Math.floor(next() * 2 ** 48).toString(36),
      type: ['rectangle', 'ellipse', 'arrow', 'text'][Math.floor(next() * 4)] as string,
      x: Math.round(next() * 2_000_000) / 1_000,
      y: Math.round(next() * 2_000_000) / 1_000,
      width: Math.round(next() * 300),
      height: Math.round(next() * 300),
      text: Array.from({ length: 24 }, () => WORDS[Math.floor(next() * WORDS.length)]).join(' '),
      style: { fill: color(), stroke: color(), opacity: 100 },
      points,
    })
  }
  return { name: 'board', version: 1, shapes: list }
}

const WORDS = 'a board of shapes that people move about while others look on and write what they think of it'.split(' ')

/** Numbers of [0, 1), the same for the same seed. */
export function numbersOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
