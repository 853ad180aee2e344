/** Documents as plain trees: what tests write, and what they expect to read.
 * @module */
import { parseJsonValue, stringifyValue } from '../../src/codec/json-values.ts'
import { isBytes, isDate } from '../../src/codec/value-kinds.ts'
import type { Step } from '../../src/document/path/path.ts'
import type { Scalar, StructuralEvent } from '../../src/document/types.ts'

export type Key = string | number

export type Tree =
  | { readonly type: 'object'; readonly fields: readonly (readonly [Key, Tree])[] }
  | { readonly type: 'array'; readonly elements: readonly Tree[] }
  | { readonly type: 'scalar'; readonly value: Scalar }
  | { readonly type: 'decimal'; readonly text: string }

export const scalar = (value: Scalar): Tree => ({ type: 'scalar', value })
export const array = (elements: readonly Tree[]): Tree => ({ type: 'array', elements })
export const object = (fields: readonly (readonly [Key, Tree])[]): Tree => ({ type: 'object', fields })

/** A plain value, which has no cycle. */
export function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return array(value.map(treeOf))
  const isScalar = typeof value !== 'object' || value === null || isBytes(value) || isDate(value)
  if (isScalar) return scalar(value as Scalar)
  return object(Object.keys(value).map((key) => [key, treeOf((value as Record<string, unknown>)[key])]))
}

/** What reads give. */
export function plainOf(tree: Tree, leaf: (leaf: Tree) => unknown = plain): unknown {
  if (tree.type === 'array') return tree.elements.map((element) => plainOf(element, leaf) ?? null)
  if (tree.type !== 'object') return leaf(tree)
  const value: Record<string, unknown> = {}
  for (const [key, child] of tree.fields) {
    const field = plainOf(child, leaf)
    if (field === undefined) delete value[key]
    else Object.defineProperty(value, key, { value: field, writable: true, enumerable: true, configurable: true })
  }
  return value
}

function plain(leaf: Tree): unknown {
  return leaf.type === 'decimal' ? leaf.text : leaf.type === 'scalar' ? leaf.value : undefined
}

/** What a reader of its JSON text has. */
export function jsonValueOf(tree: Tree): unknown {
  return plainOf(tree, (leaf) => {
    const value = plain(leaf)
    if (leaf.type === 'decimal') return parseJsonValue(leaf.text)
    return value === undefined ? undefined : parseJsonValue(stringifyValue(value))
  })
}

/** The tree that its JSON text makes. */
export function jsonTreeOf(tree: Tree): Tree {
  if (tree.type === 'array') return array(tree.elements.map(jsonTreeOf))
  if (tree.type === 'object') return object(tree.fields.map(([key, child]) => [String(key), jsonTreeOf(child)]))
  return scalar((jsonValueOf(tree) ?? null) as Scalar)
}

/** JSON text with all fields, duplicates too. */
export function jsonOf(tree: Tree): string {
  if (tree.type === 'array') return `[${tree.elements.map(jsonOf).join(',')}]`
  if (tree.type !== 'object') return stringifyValue(plain(tree) ?? null)
  const text = `{${tree.fields.map(([key, child]) => `${JSON.stringify(key)}:${jsonOf(child)}`).join(',')}}`
  return tree.fields[0]?.[0] === '$type' ? `{"$type":"object","value":${text}}` : text
}

/** The events that make a tree. */
export function eventsOf(tree: Tree, events: StructuralEvent[] = []): StructuralEvent[] {
  if (tree.type === 'scalar') events.push({ type: 'value', value: tree.value })
  else if (tree.type === 'decimal') events.push({ type: 'decimal', text: tree.text })
  else if (tree.type === 'array') {
    events.push({ type: 'beginArray' })
    for (const element of tree.elements) eventsOf(element, events)
    events.push({ type: 'endArray' })
  } else {
    events.push({ type: 'beginObject' })
    for (const [key, child] of tree.fields) {
      events.push(typeof key === 'number' ? { type: 'intKey', key } : { type: 'key', key })
      eventsOf(child, events)
    }
    events.push({ type: 'endObject' })
  }
  return events
}

const DIGITS = /^(?:0|[1-9]\d{0,15})$/

/** Fields of an object by key, as the last one counts. */
const lastFields = new WeakMap<Tree, Map<Key, Tree>>()

export function fieldsOf(tree: Tree & { readonly type: 'object' }): Map<Key, Tree> {
  let fields = lastFields.get(tree)
  if (fields === undefined) {
    fields = new Map()
    for (const [key, child] of tree.fields) {
      // In the place of the last one.
      fields.delete(key)
      fields.set(key, child)
    }
    lastFields.set(tree, fields)
  }
  return fields
}

/** The child that a step means. Digits as a field mean an element too. */
export function childOf(tree: Tree, step: Step): Tree | undefined {
  if (tree.type === 'array') {
    if (step.type === 'index') return tree.elements[step.index]
    return step.type === 'field' && DIGITS.test(step.key) ? tree.elements[Number(step.key)] : undefined
  }
  if (tree.type !== 'object' || (step.type !== 'field' && step.type !== 'intKey')) return undefined
  return fieldsOf(tree).get(step.key)
}

export interface Child {
  readonly step: Step
  readonly child: Tree
  readonly ordinal: number
}

/** Children in document order. */
export function childrenOf(tree: Tree): Child[] {
  if (tree.type === 'array') {
    return tree.elements.map((child, ordinal) => ({ step: { type: 'index', index: ordinal }, child, ordinal }))
  }
  if (tree.type !== 'object') return []
  return Array.from(fieldsOf(tree), ([key, child], ordinal): Child => {
    return { step: typeof key === 'string' ? { type: 'field', key } : { type: 'intKey', key }, child, ordinal }
  })
}

/** Everything that steps with wildcards mean, in document order. */
export function matchesIn(tree: Tree, steps: readonly Step[], before: readonly Step[] = []): [Step[], Tree][] {
  const step = steps[before.length]
  if (step === undefined) return [[[...before], tree]]
  const isSingle = step.type === 'field' || step.type === 'index' || step.type === 'intKey'
  if (isSingle) {
    const child = childOf(tree, step)
    return child === undefined ? [] : matchesIn(child, steps, [...before, step])
  }
  return childrenOf(tree)
    .filter((child) => isMeant(step, child.step))
    .flatMap((child) => matchesIn(child.child, steps, [...before, child.step]))
}

function isMeant(step: Step, own: Step): boolean {
  if (step.type === 'anyField') return own.type === 'field'
  if (step.type === 'anyIntKey') return own.type === 'intKey'
  if (own.type !== 'index') return false
  if (step.type === 'anyIndex') return true
  return step.type === 'slice' && own.index >= step.from && own.index < (step.to ?? Number.POSITIVE_INFINITY)
}

export interface Node {
  readonly tree: Tree
  readonly parent: Node | undefined
  readonly step: Step | undefined
}

/** All values that paths reach, in document order, up to about `most`. */
export function nodesOf(tree: Tree, most = 400_000): Node[] {
  const nodes: Node[] = [{ tree, parent: undefined, step: undefined }]
  for (let at = 0; at < nodes.length && nodes.length < most; at++) {
    const parent = nodes[at] as Node
    for (const { step, child } of childrenOf(parent.tree)) nodes.push({ tree: child, parent, step })
  }
  return nodes
}

export function stepsOf(node: Node): Step[] {
  const steps: Step[] = []
  for (let at: Node | undefined = node; at?.step !== undefined; at = at.parent) steps.push(at.step)
  return steps.reverse()
}
