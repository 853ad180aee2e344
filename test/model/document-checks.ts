/** Everything that an open document answers, against its tree.
 * @module */
import { expect } from 'vitest'
import { parseJsonValue } from '../../src/codec/json-values.ts'
import { Path, type Step } from '../../src/document/path/path.ts'
import type { ChildType, DocumentChild, OpenDocument, StructuralEvent } from '../../src/document/types.ts'
import { difference } from '../support/same-value.ts'
import type { Draw } from '../support/seeded-random.ts'
import {
  childOf,
  childrenOf,
  eventsOf,
  jsonValueOf,
  matchesIn,
  type Node,
  nodesOf,
  plainOf,
  stepsOf,
  type Tree,
} from './document-tree.ts'
import { type NotedRead, readTwice } from './noted-reads.ts'

const PATHS = 60
/** Of documents with no more values than this, each is asked for. */
const ALL_PATHS = 200
const PLURAL = 8
/** Larger values are seldom compared as a whole. */
const LARGE_BYTES = 20_000
const LISTED = 6
const PAGES_OF_ALL = 60_000

/** One read and what it should answer. */
export interface Probe {
  readonly path: Path
  readonly tree: Tree | undefined
}

export class DocumentChecks {
  readonly #document: OpenDocument
  readonly #tree: Tree
  readonly #nodes: readonly Node[]
  readonly #draw: Draw
  readonly #reads: NotedRead[]

  constructor(document: OpenDocument, tree: Tree, { draw, reads }: { draw: Draw; reads: NotedRead[] }) {
    this.#document = document
    this.#tree = tree
    this.#reads = reads
    this.#nodes = nodesOf(tree)
    this.#draw = draw
  }

  async all(): Promise<void> {
    same(await this.#document.read(), plainOf(this.#tree), 'the whole')
    const probes = this.probes(PATHS)
    for (const probe of probes) await this.probe(probe)
    if (this.#nodes.length <= ALL_PATHS) for (const node of this.#nodes) await this.probe(this.#present(node))
    this.#reads.length = 0
    await this.many(probes)
    expect(readTwice(this.#reads), 'read twice by readMany').toBeUndefined()
    await this.text(this.#tree, Path.root)
    await this.events(this.#tree, Path.root)
    for (const node of this.#containers(LISTED)) await this.children(node.tree, Path.of(stepsOf(node)))
    for (let left = PLURAL; left > 0; left--) await this.matches(this.#plural())
    await this.#pointers(probes)
  }

  /** The same at once, in any order. */
  async atOnce(): Promise<void> {
    const probes = this.probes(40)
    const jobs = probes.map((probe) => () => this.probe(probe))
    jobs.push(() => this.many(probes))
    for (const node of this.#containers(4)) {
      const path = Path.of(stepsOf(node))
      jobs.push(
        () => this.children(node.tree, path),
        () => this.text(node.tree, path),
        () => this.events(node.tree, path),
        () => this.matches(this.#plural()),
      )
    }
    await Promise.all(this.#shuffled(jobs).map((job) => job()))
  }

  probes(count: number): Probe[] {
    const probes: Probe[] = []
    while (probes.length < count) {
      probes.push(this.#present(this.#node()))
      const absent = this.#beside(this.#node())
      if (absent.length <= 1_024) probes.push({ path: Path.of(absent), tree: this.#at(absent) })
    }
    return probes
  }

  #present(node: Node): Probe {
    return { path: Path.of(stepsOf(node)), tree: node.tree }
  }

  async probe({ path, tree }: Probe): Promise<void> {
    const text = this.#draw() % 2 === 0
    const asked = text ? path.toString() : path
    const shown = `${path}`.slice(0, 300)
    const expected = tree === undefined ? undefined : plainOf(tree)
    same(await this.#document.read(asked), expected, `read ${shown}`)
    expect(await this.#document.has(asked), `has ${shown}`).toBe(tree !== undefined)
    if (tree !== undefined) return
    await expect(this.#document.children(asked), shown).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
    await expect(collect(this.#document.json(asked)), shown).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
  }

  /** Also values inside each other, paths that come twice, and pointers. */
  async many(probes: readonly Probe[]): Promise<void> {
    const more = probes.slice(0, 6).flatMap(({ path, tree }) => {
      const parent = path.parent ?? Path.root
      return [
        { path, tree },
        { path: parent, tree: this.#at(parent.steps) },
      ]
    })
    const shuffled = this.#shuffled([...probes, ...more])
    const asked = shuffled.map(({ path, tree }) => {
      const form = this.#draw() % 3
      if (form === 0) return path.toString()
      const isPointer = form === 1 && tree !== undefined && path.steps.every(({ type }) => type !== 'intKey')
      return isPointer ? Path.fromPointer(path.toPointer()) : path
    })
    const values = await this.#document.readMany(asked)
    for (const [at, { tree, path }] of shuffled.entries()) {
      same(values[at], tree === undefined ? undefined : plainOf(tree), `readMany ${path}`)
    }
    const objects = values.filter((value) => typeof value === 'object' && value !== null)
    expect(new Set(objects).size, 'each value is its own').toBe(objects.length)
  }

  async text(tree: Tree, path: Path): Promise<void> {
    const pieces = await collect(this.#document.json(path))
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(concat(pieces))
    same(parseJsonValue(text), jsonValueOf(tree) ?? null, `json ${path}`)
  }

  async events(tree: Tree, path: Path): Promise<void> {
    const found: StructuralEvent[] = await collect(this.#document.events(path))
    const expected = eventsOf(tree)
    expect(found.length, `events ${path}`).toBe(expected.length)
    for (const [at, event] of expected.entries()) same(found[at], event, `event ${at} of ${path}`)
  }

  async children(tree: Tree, path: Path): Promise<void> {
    const expected = childrenOf(tree)
    const found: DocumentChild[] = []
    let cursor: string | undefined
    do {
      const limit = expected.length > PAGES_OF_ALL ? 1_000 : 1 + (this.#draw() % (this.#draw() % 3 === 0 ? 3 : 1_000))
      const page = await this.#document.children(path, { limit, ...(cursor === undefined ? {} : { cursor }) })
      expect(page.type).toBe(tree.type)
      expect(page.items.length, `a page of ${path}`).toBeLessThanOrEqual(limit)
      found.push(...page.items)
      cursor = page.nextCursor
      expect(found.length, `children of ${path}`).toBeLessThanOrEqual(expected.length)
    } while (cursor !== undefined)
    expect(found.length, `children of ${path}`).toBe(expected.length)
    const parent = path.toString()
    for (const [at, { step, child }] of expected.entries()) {
      const listed = found[at] as DocumentChild
      const shown = `child ${at} of ${parent.slice(0, 200)}`
      if (at < 200) expect(listed.path, shown).toBe(path.join(step).toString())
      if (step.type === 'field') expect(listed.key, shown).toBe(step.key)
      else if (step.type === 'intKey') expect(listed.intKey, shown).toBe(step.key)
      else if (step.type === 'index') expect(listed.index, shown).toBe(step.index)
      expect(listed.type, shown).toBe(typeOf(child))
      this.#size(listed, child, shown)
    }
  }

  #size(listed: DocumentChild, child: Tree, shown: string): void {
    const { least, most } = sizeOf(child)
    expect(listed.sizeBytes, `size of ${shown}`).toBeGreaterThanOrEqual(least)
    expect(listed.sizeBytes, `size of ${shown}`).toBeLessThanOrEqual(most)
    const isShown = child.type !== 'object' && child.type !== 'array' && listed.sizeBytes <= 256
    expect('value' in listed, shown).toBe(isShown)
    if (isShown) same(listed.value, plainOf(child), shown)
  }

  async matches(path: Path): Promise<void> {
    const expected = matchesIn(this.#tree, path.steps)
    let at = 0
    let costs = 0
    for await (const match of this.#document.matches(path, { onCost: () => costs++ })) {
      const [steps, tree] = expected[at++] ?? []
      if (steps === undefined || tree === undefined) throw new Error(`matches ${path}: one more, "${match.path}"`)
      expect(match.path, `matches ${path}`).toBe(Path.of(steps).toString())
      same(match.value, plainOf(tree), `matches ${path} at ${match.path}`)
    }
    expect(at, `matches ${path}`).toBe(expected.length)
    expect(costs).toBe(1)
    const paths = await collect(this.#document.paths(path))
    expect(paths.map(String)).toEqual(expected.map(([steps]) => Path.of(steps).toString()))
    const alone = this.#document.read(path)
    if (path.isPlural) await expect(alone).rejects.toMatchObject({ code: 'PATH_PLURAL' })
    else await alone
  }

  async #pointers(probes: readonly Probe[]): Promise<void> {
    for (const { path, tree } of probes.slice(0, 40)) {
      if (path.steps.some(({ type }) => type === 'intKey')) continue
      const pointer = Path.fromPointer(path.toPointer())
      const found = pointer.steps.every((_, at) => this.#at(pointer.steps.slice(0, at)) !== undefined)
      const meant = found ? this.#at(pointer.steps) : undefined
      if (tree !== undefined) expect(meant).toBeDefined()
      same(await this.#document.read(pointer), meant && plainOf(meant), `pointer ${path}`)
    }
  }

  /** A path near a node that may be nowhere. */
  #beside(node: Node): Step[] {
    const steps = stepsOf(node)
    const { tree } = node
    const below = (step: Step): Step[] => [...steps, step]
    const n = this.#draw() % 9
    if (tree.type === 'array') {
      const ends = [tree.elements.length, tree.elements.length + 1, tree.elements.length + 15, 2 ** 31, 2 ** 52]
      if (n < 5) return below({ type: 'index', index: ends[n] as number })
      if (n === 5) return below({ type: 'intKey', key: 0 })
      return below({ type: 'field', key: ['0', 'length', '01', String(2 ** 53)][this.#draw() % 4] as string })
    }
    const last = steps.at(-1)
    if (tree.type !== 'object') {
      if (n < 3 || last === undefined) return below({ type: 'index', index: n })
      return n < 6 ? below({ type: 'field', key: 'x' }) : below({ type: 'intKey', key: 1 })
    }
    const { fields } = tree
    const key = fields.length === 0 ? 'none' : (fields[this.#draw() % fields.length] as [string | number, Tree])[0]
    if (n === 0) return below({ type: 'index', index: 0 })
    if (n === 1) return below({ type: 'field', key: '' })
    if (n === 2) return below({ type: 'field', key: '__proto__' })
    if (typeof key === 'number')
      return below(n < 6 ? { type: 'field', key: `${key}` } : { type: 'intKey', key: key + 1 })
    if (n === 3) return below({ type: 'intKey', key: 5 })
    return below({ type: 'field', key: n < 6 ? `${key}x` : n < 8 ? key.slice(0, -1) : `${key}\u0000` })
  }

  /** A path whose steps are wildcards now and then. */
  #plural(): Path {
    const steps = stepsOf(this.#node())
    const plural = steps.map((step): Step => {
      if (this.#draw() % 3 > 0) return step
      const n = this.#draw() % 12
      if (n === 0) return { type: 'anyIndex' }
      if (n === 1) return { type: 'anyField' }
      if (n === 2) return { type: 'anyIntKey' }
      if (step.type === 'field') return { type: 'anyField' }
      if (step.type !== 'index') return { type: 'anyIntKey' }
      const from = Math.max(0, step.index - (this.#draw() % 4))
      if (n < 5) return { type: 'slice', from }
      return { type: 'slice', from, to: step.index + (this.#draw() % 4) }
    })
    // So that there are few enough.
    const wide = plural.flatMap((step, at) => (step === steps[at] ? [] : [at]))
    for (const at of wide.slice(0, -2)) plural[at] = steps[at] as Step
    return Path.of(plural)
  }

  #containers(count: number): Node[] {
    const containers = [this.#nodes[this.#draw() % Math.min(8, this.#nodes.length)] as Node]
    for (let tries = count * 20; tries > 0 && containers.length < count; tries--) containers.push(this.#node())
    return containers.filter(({ tree }) => tree.type === 'array' || tree.type === 'object')
  }

  /** A half by their number, the other by a walk from the root, so that large containers do not hide small ones. */
  #node(): Node {
    const nodes = this.#nodes
    if (this.#draw() % 2 === 0) return nodes[this.#draw() % nodes.length] as Node
    let node: Node = nodes[0] as Node
    while (sizeOf(node.tree).most > LARGE_BYTES || this.#draw() % 5 > 0) {
      const children = childrenOf(node.tree)
      const child = children[this.#draw() % Math.max(1, children.length)]
      if (child === undefined) break
      node = { tree: child.child, parent: node, step: child.step }
    }
    return node
  }

  #at(steps: readonly Step[]): Tree | undefined {
    return steps.reduce<Tree | undefined>((tree, step) => tree && childOf(tree, step), this.#tree)
  }

  #shuffled<T>(items: readonly T[]): T[] {
    const shuffled = [...items]
    for (let at = shuffled.length - 1; at > 0; at--) {
      const other = this.#draw() % (at + 1)
      ;[shuffled[at], shuffled[other]] = [shuffled[other] as T, shuffled[at] as T]
    }
    return shuffled
  }
}

export function same(have: unknown, want: unknown, what: string): void {
  const found = difference(have, want)
  if (found !== undefined) throw new Error(`${what}: ${found.slice(0, 2_000)}`)
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

function typeOf(tree: Tree): ChildType {
  if (tree.type !== 'scalar') return tree.type
  const { value } = tree
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return 'bytes'
  if (value instanceof Date) return 'date'
  return typeof value as ChildType
}

interface Bounds {
  readonly least: number
  readonly most: number
}

const sizes = new WeakMap<Tree, Bounds>()

/** What the encoded size must be between. */
function sizeOf(tree: Tree): Bounds {
  let bounds = sizes.get(tree)
  if (bounds === undefined) {
    bounds = boundsOf(tree)
    sizes.set(tree, bounds)
  }
  return bounds
}

function boundsOf(tree: Tree): Bounds {
  if (tree.type === 'decimal') return { least: tree.text.length + 2, most: tree.text.length + 2 }
  if (tree.type === 'scalar') return scalarBounds(tree.value)
  let least = 1
  let most = 2
  const children = tree.type === 'array' ? tree.elements : tree.fields.map(([, child]) => child)
  for (const child of children) {
    const own = sizeOf(child)
    least += own.least
    most += own.most
  }
  if (tree.type === 'array') return { least: least + (children.length > 15 ? 1 : 0), most }
  for (const [key] of tree.fields) most += typeof key === 'number' ? 9 : wtf8Bytes(key) + 5
  return { least: least + children.length, most }
}

function scalarBounds(value: unknown): Bounds {
  if (typeof value === 'string') {
    const bytes = wtf8Bytes(value)
    const head = bytes < 64 && value.isWellFormed() ? 1 : 1 + varintBytes(bytes)
    return { least: bytes + head, most: bytes + head }
  }
  if (value instanceof Uint8Array) {
    const bytes = 1 + varintBytes(value.length) + value.length
    return { least: bytes, most: bytes }
  }
  if (value instanceof Date) return { least: 9, most: 9 }
  if (typeof value === 'number') return { least: 1, most: 10 }
  if (typeof value === 'bigint') return { least: 2, most: 2 + value.toString(16).length }
  return { least: 1, most: 1 }
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : 1 + varintBytes(Math.floor(value / 0x80))
}

function wtf8Bytes(text: string): number {
  let bytes = 0
  // Units that are alone are iterated as they are.
  for (const character of text) {
    const code = character.codePointAt(0) as number
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return bytes
}
