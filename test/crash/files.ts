/** Two small stores whose files are damaged as a whole, and what may come of it.
 * @module */
import { isVarveError } from '../../src/errors.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { plain } from '../support/scenario.ts'
import { Caller, createSmall, openForTest } from './oracle.ts'
import { closedStore } from './whole.ts'
import type { Workload } from './workloads.ts'

/** Sealed segments and an active one, an older manifest, checkpoints; at the end closed, or left as by kill -9. Every
 * append was acknowledged. */
const small =
  (closes: boolean): Workload =>
  async (files, ledger) => {
    await createSmall(faultStorage(files), ledger, { name: 'orders', partitions: 1, segmentBytes: 700 })
    for (let round = 0; round < 2; round++) {
      const store = await openForTest(faultStorage(files))
      const caller = new Caller(store, ledger, round * 1000)
      await caller.use('orders', 1)
      for (let turn = 0; turn < 2; turn++) await caller.append('orders', 1 + turn, { size: 100 })
      if (round === 0 || closes) await store.close()
    }
  }

export type StoreKind = 'closed' | 'unclean'

export interface Subject {
  readonly kind: StoreKind
  readonly image: StoreImage
  /** What the store answers while it is whole. */
  readonly answers: string
}

export async function subject(kind: StoreKind): Promise<Subject> {
  const image = await closedStore(small(kind === 'closed'))
  return { kind, image, answers: await answersOf(imageStorage(image), true) }
}

/** One damage to a store. */
export interface Damage {
  /** Enough to do it again: `truncate file=... bytes=...`. */
  readonly name: string
  readonly image: StoreImage
  /** What may come of it besides the answers of the whole store. */
  readonly may: 'refuse' | 'nothing else' | 'show less'
}

export interface Tally {
  cases: number
  refused: number
  same: number
  /** The events up to some point, where that is all that is known to be durable. */
  less: number
  readonly failures: string[]
}

const FAILURES_MAX = 20
const TYPED = new Set(['corrupt', 'unsupported', 'invalid'])
/** No case takes a hundredth of it; beyond it something waits for ever. */
const HANGS_AFTER_MS = 20_000

/** Open the damaged store as a reader or as a writer and ask it everything. */
export async function judge(of: Subject, damage: Damage, to: { tally: Tally; readOnly: boolean }): Promise<void> {
  const { tally, readOnly } = to
  if (tally.failures.length >= FAILURES_MAX) return
  tally.cases++
  const storage = imageStorage(damage.image)
  const says = (problem: string) => {
    tally.failures.push(`FILES store=${of.kind} ${readOnly ? 'reader' : 'writer'} ${damage.name}: ${problem}`)
  }
  try {
    const answers = await withoutHang(answersOf(storage, readOnly))
    if (answers === of.answers) tally.same++
    else if (damage.may === 'show less' && of.answers.startsWith(eventsIn(answers))) tally.less++
    else says(`other answers: ${firstDifference(answers, of.answers)}`)
  } catch (error) {
    const typed = isVarveError(error) && (TYPED.has(error.kind) || error.code === 'STORE_MISSING')
    if (!typed) says(error instanceof Error ? `${error.name}: ${shortStack(error)}` : String(error))
    else if (damage.may === 'nothing else') says(`refused with ${error.code}: ${error.message}`)
    else tally.refused++
  }
  if (!readOnly) for (const problem of await lost(damage.image, storage)) says(problem)
}

const EVENTS_END = 'end of events'

function eventsIn(answers: string): string {
  return answers.slice(0, answers.indexOf(EVENTS_END))
}

async function answersOf(storage: Storage, readOnly: boolean): Promise<string> {
  const store = await openForTest(storage, { readOnly })
  try {
    const topic = await store.topics.open('orders')
    const lines: string[] = []
    for await (const event of topic.read()) lines.push(plain(event))
    lines.push(EVENTS_END, plain(await topic.last(3)), plain(await topic.get(1)))
    for (const entity of ['entity-0', 'entity-1', 'nobody']) lines.push(`${entity} ${await topic.version(entity)}`)
    return lines.join('\n')
  } finally {
    await store.close()
  }
}

async function withoutHang<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it hangs')), HANGS_AFTER_MS)
  })
  try {
    return await Promise.race([work, hang])
  } finally {
    clearTimeout(timer)
  }
}

/** Segments and files of others that a writer removed, shortened or changed: it never may. */
async function lost(image: StoreImage, storage: Storage): Promise<string[]> {
  const found: string[] = []
  for (const [path, bytes] of image) {
    if (isDerived(path) || path.startsWith('MANIFEST-') || path.startsWith('head-')) continue
    if (!(await storage.exists(path))) {
      found.push(`${path} is gone`)
      continue
    }
    const handle = await storage.openRead(path)
    const kept = new Uint8Array(bytes.length)
    await handle.read(0, kept)
    await handle.close()
    if (Buffer.compare(kept, bytes) !== 0) found.push(`${path} was changed in place`)
  }
  return found
}

export function isDerived(path: string): boolean {
  return /\.(?:index|timeindex|terms|ckpt)$/.test(path)
}

/** The store without some files, and with others. */
export function changed(image: StoreImage, changes: Readonly<Record<string, Uint8Array | undefined>>): StoreImage {
  const next = new Map(image)
  for (const [path, bytes] of Object.entries(changes)) {
    if (bytes === undefined) next.delete(path)
    else next.set(path, bytes)
  }
  return next
}

function shortStack({ stack = '' }: Error): string {
  return stack.split('\n').slice(0, 4).join(' | ')
}

function firstDifference(have: string, want: string): string {
  let at = 0
  while (at < want.length && have[at] === want[at]) at++
  return `at ${at} of ${want.length} (have ${have.length}): ${JSON.stringify(have.slice(at, at + 60))}`
}
