/** The error sweep: run a workload again and again, each time failing another of its file calls in another way.
 *
 * The workload lets no error out that the product may report. After it the faults end, and what is on the disk is
 * checked twice: as a restarted process finds it, and as it is found after losing power as well.
 * @module */
import { mustSettle } from '../support/settle.ts'
import { describeError, type Known, Ledger } from './explorer.ts'
import { type FaultOptions, fits, type Operation } from './fault.ts'
import { FaultFiles, type FaultFilesOptions } from './fault-files.ts'

export interface SweepOptions<E> {
  readonly name: string
  readonly workload: (files: FaultFiles, ledger: Ledger<E>) => Promise<void>
  readonly check: (files: FaultFiles, known: Known<E>, ledger: Ledger<E>) => Promise<void>
  readonly files?: FaultFilesOptions
  readonly idle?: () => Promise<void>
  /** Default all that fit: EIO, ENOSPC, EMFILE, EACCES, EINTR, and SHORT reads and writes. */
  readonly errors?: readonly string[]
  /** Only every n-th case; default 1. */
  readonly stride?: number
  /** Failures after which the sweep ends. Default 3. */
  readonly failuresMax?: number
}

export interface SweepReport {
  /** File calls of the workload without faults. */
  readonly calls: number
  readonly cases: number
  /** Disks that differ from all others in content or in what was acknowledged; only these are checked. */
  readonly checked: number
  /** `FAULT workload=... op=... call=... errno=...: what went wrong`. */
  readonly failures: readonly string[]
}

/** One call of a workload and how it fails. */
export interface FaultCase extends FaultOptions {
  readonly operation: Operation
  readonly errno: string
  readonly text: string
}

const ERRORS = ['EIO', 'ENOSPC', 'EMFILE', 'EACCES', 'EINTR', 'SHORT']

const PARTS: readonly (readonly [string, (length: number) => number])[] = [
  ['0', () => 0],
  ['1', () => 1],
  ['half', (length) => length >>> 1],
  ['all but 1', (length) => Math.max(0, length - 1)],
]

/** Sweep. Fails only by its report. Cost: one run of the workload for each case, and two checks for each new disk. */
export async function sweepErrors<E>(options: SweepOptions<E>): Promise<SweepReport> {
  const { stride = 1, failuresMax = 3 } = options
  const clean = new FaultFiles(options.files)
  await mustSettle(options.workload(clean, new Ledger<E>(() => clean.position)), options.idle)
  const cases = clean.journal
    .flatMap((operation) => casesOf(operation, options.errors))
    .filter((_, order) => order % stride === 0)
  const failures: string[] = []
  const seen = new Set<string>()
  let tried = 0
  for (const one of cases) {
    tried++
    const failure = await runCase(options, one, seen)
    if (failure !== undefined) failures.push(`FAULT workload=${options.name} ${one.text}: ${failure}`)
    if (failures.length >= failuresMax) break
  }
  return {
    calls: clean.journal.filter(({ kind }) => !kind.endsWith('-end')).length,
    cases: tried,
    checked: seen.size,
    failures,
  }
}

/** Every way in which a call can fail: once, and with every later one. */
export function casesOf(operation: Operation, errors: readonly string[] = ERRORS): FaultCase[] {
  const cases: FaultCase[] = []
  const add = (errno: string, fault: FaultOptions, detail = '') => {
    const text = `op=${operation.index} call=${operation.kind}(${operation.path}) errno=${errno}`
    const once = { operation, errno, ...fault, text: `${text}${detail} once` }
    // Every call moving one byte is a matter of patience, not of correctness.
    const crawls = errno === 'SHORT' && detail.endsWith('=1')
    cases.push(once, ...(crawls ? [] : [{ ...once, sticky: true, text: `${text}${detail} sticky` }]))
  }
  for (const errno of errors) {
    if (!fits(errno, operation.kind)) continue
    const moves = operation.kind === 'write' && errno !== 'EINTR'
    if (moves) for (const [name, partial] of PARTS) add(errno, { partial }, ` bytes=${name}`)
    else if (errno === 'SHORT') for (const [name, partial] of PARTS.slice(1)) add(errno, { partial }, ` bytes=${name}`)
    else add(errno, {})
    if (operation.kind === 'sync' && errno === 'EIO') add(errno, { gate: true }, ' gate')
    if (operation.kind === 'sync' || operation.kind === 'rename' || operation.kind === 'link')
      if (errno === 'EIO') add(errno, { applied: true }, ' applied')
  }
  return cases
}

async function runCase<E>(options: SweepOptions<E>, one: FaultCase, seen: Set<string>): Promise<string | undefined> {
  const files = new FaultFiles(options.files)
  const { operation, errno, sticky = false, partial, gate = false, applied = false } = one
  files.failAt(operation.index, errno, { sticky, gate, applied, ...(partial !== undefined && { partial }) })
  const ledger = new Ledger<E>(() => files.position)
  let stage = 'workload'
  try {
    await mustSettle(options.workload(files, ledger), options.idle)
    files.clearFaults()
    const known = ledger.at(files.position)
    const lost = files.crashImage(files.position, 'lost', 0)
    const isNew = (what: string, image: FaultFiles) => {
      const content = `${what} ${known.attempted.length} ${known.acknowledged.length}\n${image.digest()}`
      return !seen.has(content) && seen.add(content) !== undefined
    }
    stage = 'after losing power'
    if (isNew('lost', lost)) await check(options, lost, known)
    stage = 'after a restart'
    if (!gate && !isNew('kept', files)) return undefined
    const after = await check(options, files, known)
    if (!gate) return undefined
    stage = 'after a restart and losing power'
    await check(options, files.crashImage(files.position, 'lost', 0), after)
  } catch (error) {
    return `${stage}: ${describeError(error)}`
  }
  return undefined
}

async function check<E>(options: SweepOptions<E>, files: FaultFiles, known: Known<E>): Promise<Known<E>> {
  const ledger = new Ledger<E>(() => files.position, known)
  await mustSettle(options.check(files, known, ledger), options.idle)
  return ledger.at(files.position)
}
