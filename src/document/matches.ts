/** Everything that a path with wildcards and slices means.
 * @module */

import { isVarveError } from '../errors.ts'
import type { ChildCursor, FoundChild, FoundChildren } from './children.ts'
import { Path, type Step } from './path.ts'

/** How the document is read. */
export interface MatchSource {
  readonly list: (parent: Path, limit: number, from: ChildCursor | undefined) => Promise<FoundChildren>
  readonly has: (path: Path) => Promise<boolean>
}

const AT_ONCE = 256

interface Level {
  readonly path: Path
  /** The first step that is not in `path`. */
  readonly rest: readonly Step[]
}

/** Walk a path with wildcards and give the paths of what is there. Order: that of the document. Memory: one page of
 * children for each wildcard. */
export async function* pathsOf(path: Path, source: MatchSource): AsyncGenerator<Path> {
  const open: AsyncGenerator<Level>[] = [one({ path: Path.root, rest: path.steps })]
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = await top.next()
    if (next.done) {
      open.pop()
      continue
    }
    const { path: prefix, rest } = next.value
    const plural = rest.findIndex(isPlural)
    const single = plural < 0 ? rest : rest.slice(0, plural)
    const parent = single.length === 0 ? prefix : prefix.join(...single)
    const step = rest[plural]
    if (step !== undefined) open.push(childrenOf(parent, step, { rest: rest.slice(plural + 1), source }))
    else if (await source.has(parent)) yield parent
  }
}

async function* one(level: Level): AsyncGenerator<Level> {
  yield level
}

async function* childrenOf(
  path: Path,
  step: Step,
  { rest, source }: { rest: readonly Step[]; source: MatchSource },
): AsyncGenerator<Level> {
  let from: ChildCursor | undefined
  do {
    let page: FoundChildren
    try {
      page = await source.list(path, AT_ONCE, from)
    } catch (error) {
      // Where nothing is, nothing matches.
      if (isVarveError(error, 'PATH_UNKNOWN') || isVarveError(error, 'PATH_NOT_CONTAINER')) return
      throw error
    }
    for (const child of page.children) {
      const own = stepOf(child)
      if (isMeant(step, own)) yield { path: path.join(own), rest }
    }
    from = page.next
    if (step.type === 'slice' && step.to !== undefined && from !== undefined && from.ordinal >= step.to) return
  } while (from !== undefined)
}

function stepOf({ key, ordinal }: FoundChild): Step {
  if (typeof key === 'string') return { type: 'field', key }
  return typeof key === 'number' ? { type: 'intKey', key } : { type: 'index', index: ordinal }
}

function isMeant(step: Step, own: Step): boolean {
  if (own.type === 'field') return step.type === 'anyField'
  if (own.type === 'intKey') return step.type === 'anyIntKey'
  if (own.type !== 'index') return false
  if (step.type === 'anyIndex') return true
  return step.type === 'slice' && own.index >= step.from && (step.to === undefined || own.index < step.to)
}

function isPlural(step: Step): boolean {
  return step.type === 'anyField' || step.type === 'anyIndex' || step.type === 'anyIntKey' || step.type === 'slice'
}
