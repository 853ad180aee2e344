/** Groups in a storage, written version by version as a history does.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { ContentHasher } from '../../../src/history/group/content-hash.ts'
import { GroupFile, type GroupPlace, type VersionFacts } from '../../../src/history/group/group-file.ts'
import { GroupWriter } from '../../../src/history/group/group-writer.ts'
import { applyPatch } from '../../../src/history/patch/apply.ts'
import { copyValue } from '../../../src/history/patch/copy-value.ts'
import { diffValues } from '../../../src/history/patch/diff.ts'
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
  /** Copies of what was added. */
  readonly values: unknown[] = []
  keepsValues = true
  readonly facts: VersionFacts[] = []
  readonly frameBytes: number[] = []
  writer: GroupWriter | undefined
  /** Whether the last frame had room. */
  hasRoom = true
  #value: unknown
  #hasher: ContentHasher

  constructor(place: GroupPlace = placeIn(memoryStorage())) {
    this.place = place
    this.#hasher = new ContentHasher(place.storage.digest)
  }

  async add(given: unknown, extra: Extra = {}): Promise<void> {
    const version = extra.version ?? (this.facts.at(-1)?.version ?? 0) + 1
    const at = this.facts.at(-1)?.at ?? 1_700_000_000_000
    const facts = { kind: 'value' as const, at: at + 61_000, ...extra, version }
    if (this.keepsValues) this.values.push(copyValue(given))
    const { writer } = this
    if (writer === undefined) {
      this.#value = copyValue(given)
      const first = this.#note(facts)
      this.writer = await GroupWriter.create(this.place, { value: this.#value, facts: first })
      this.frameBytes.push(this.writer.endBytes)
      return
    }
    const patch = diffValues(this.#value, given)
    if (patch !== undefined) this.#value = applyPatch(this.#value, patch, (part) => this.#hasher.forget(part))
    const next = this.#note(facts)
    const same = patch === undefined ? undefined : writer.findSame(next.hash)
    const frame = await writer.encode(next, same === undefined ? { patch } : { same })
    this.hasRoom = writer.hasRoom(frame)
    await writer.write(frame)
    this.frameBytes.push(frame.length)
  }

  #note(facts: Omit<VersionFacts, 'hash' | 'rawBytes'>): VersionFacts {
    const whole = { ...facts, ...this.#hasher.of(this.#value) }
    this.facts.push(whole)
    return whole
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
    this.#hasher = new ContentHasher(this.place.storage.digest)
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

/** A drawing of about `count` x 680 bytes of JSON that compresses as such drawings do: brotli makes a twelfth of it. */
export function drawing(count: number, seed = 5) {
  const next = numbersOf(seed)
  const below = (end: number) => Math.floor(next() * end)
  const id = () => Array.from({ length: 20 }, () => CHARACTERS.charAt(below(64))).join('')
  const elements = Array.from({ length: count }, (_, at) => ({
    ...{ id: id(), type: ['rectangle', 'ellipse', 'diamond', 'text', 'arrow'][below(5)] as string },
    ...{
      x: below(3_000) + below(4) / 4,
      y: below(3_000) + below(4) / 4,
      width: below(300) + 20,
      height: below(200) + 20,
    },
    ...{ angle: 0, strokeColor: '#1e1e1e', backgroundColor: ['transparent', '#ffc9c9', '#b2f2bb'][below(3)] as string },
    ...{
      fillStyle: 'solid',
      strokeWidth: 2,
      strokeStyle: 'solid',
      roughness: 1,
      opacity: 100,
      groupIds: [],
      frameId: null,
    },
    ...{ index: `a${at.toString(36)}`, roundness: { type: 3 }, seed: below(2 ** 31), version: below(300) },
    ...{ versionNonce: below(2 ** 31), isDeleted: false, boundElements: [], updated: 1_700_000_000_000 + below(1e8) },
    ...{ link: null, locked: false, text: `Card ${at} to be done by somebody`, fontSize: 20, fontFamily: 5 },
    ...{
      textAlign: 'left',
      verticalAlign: 'top',
      containerId: null,
      originalText: `Card ${at} to be done by somebody`,
    },
    ...{ autoResize: true, lineHeight: 1.25 },
  }))
  const appState = { gridSize: 20, viewBackgroundColor: '#ffffff' }
  return { type: 'drawing', name: 'one', elements, appState, files: {} }
}

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-'

/** Versions of a drawing: one small edit after another of the same object. */
export function* drawingEdits(count: number, versions: number) {
  const value = drawing(count)
  const { elements } = value
  const next = numbersOf(7)
  for (let edit = 0; edit < versions; edit++) {
    const element = elements[Math.floor(next() * elements.length)] as (typeof elements)[number]
    element.version++
    element.versionNonce = Math.floor(next() * 2 ** 31)
    element.updated += 5_000 + edit
    if (edit % 10 < 6) {
      element.x = Math.round(next() * 2e4) / 4
      element.y = Math.round(next() * 2e4) / 4
    } else if (edit % 10 < 8) {
      element.text += ' more'
      element.originalText += ' more'
    } else if (edit % 10 === 8) elements.push({ ...structuredClone(element), id: `new ${edit}` })
    else element.isDeleted = true
    yield value
  }
}

/** Numbers of [0, 1), the same for the same seed. */
export function numbersOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
