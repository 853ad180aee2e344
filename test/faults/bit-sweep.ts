/** Flips every bit of every file of a store and asks whether the product saw it or gave the same answers.
 *
 * The bytes are flipped in place and flipped back, so that a flip costs what one observation costs.
 * @module */
import { isVarveError } from '../../src/errors.ts'
import type { StoreImage } from './image-storage.ts'

export interface Observation {
  /** Everything the store answers, as one text. */
  readonly answers: string
  /** What open or verify found wrong: refused derived files and problems. */
  readonly found: readonly string[]
}

export interface BitSweepOptions {
  /** Store-relative path to bytes; changed during the sweep and restored. */
  readonly image: StoreImage
  /** Open the store and ask it; `path` is the file that has the flip. May throw what the product throws. */
  readonly observe: (path: string) => Promise<Observation>
  /** A flip that nothing notices is a failure too. Default false. */
  readonly covered?: boolean
  /** Failures after which the sweep ends. Default 20. */
  readonly failuresMax?: number
  /** Flip only every n-th bit; default 1, all of them. Odd numbers reach every bit of a byte. */
  readonly stride?: number
}

export interface FileSweep {
  readonly flips: number
  /** A typed error, or something found by open or verify with all answers right. */
  readonly detected: number
  /** Nothing found and all answers right. */
  readonly unchanged: number
}

export interface BitSweepReport {
  readonly flips: number
  readonly files: ReadonlyMap<string, FileSweep>
  /** `BIT file=... byte=... bit=...: what went wrong`. */
  readonly failures: readonly string[]
  /** First byte of each run of flips that nothing noticed, for files where every byte should be covered. */
  readonly unchangedAt: ReadonlyMap<string, readonly number[]>
}

const FLIPS_PER_TURN = 2_000
const TYPED = new Set(['corrupt', 'unsupported', 'invalid'])

/** Sweep. Cost: one observation for each flip. */
export async function bitSweep(options: BitSweepOptions): Promise<BitSweepReport> {
  const { image, observe, stride = 1, covered = false, failuresMax = 20 } = options
  const files = new Map<string, { flips: number; detected: number; unchanged: number }>()
  const unchangedAt = new Map<string, number[]>()
  const failures: string[] = []
  let flips = 0
  for (const [path, bytes] of image) {
    const { answers } = await observe(path)
    const counts = { flips: 0, detected: 0, unchanged: 0 }
    files.set(path, counts)
    for (let bit = 0; bit < bytes.length * 8 && failures.length < failuresMax; bit += stride) {
      const at = bit >>> 3
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7))
      const seen = await outcome(observe, path, answers)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7))
      counts.flips++
      if (seen === 'detected') counts.detected++
      else if (seen === 'unchanged' && !covered) {
        counts.unchanged++
        noteByte(unchangedAt, path, at)
      } else failures.push(`BIT file=${path} byte=${at} bit=${bit & 7}: ${seen}`)
      if (++flips % FLIPS_PER_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0))
    }
  }
  return { flips, files, failures, unchangedAt }
}

async function outcome(observe: BitSweepOptions['observe'], path: string, answers: string): Promise<string> {
  try {
    const seen = await observe(path)
    if (seen.answers !== answers) return `wrong answers, found: ${seen.found.join('; ') || 'nothing'}`
    return seen.found.length > 0 ? 'detected' : 'unchanged'
  } catch (error) {
    if (isVarveError(error) && TYPED.has(error.kind)) return 'detected'
    return error instanceof Error ? `${error.name}: ${error.stack}` : String(error)
  }
}

function noteByte(noted: Map<string, number[]>, path: string, at: number): void {
  const all = noted.get(path) ?? []
  noted.set(path, all)
  if (all.at(-1) !== at) all.push(at)
}
