/** Alternating runs, medians, fresh directories and what the machine is.
 *
 * Sides run one after the other, round after round, so that a slow minute of the machine hits all of them alike.
 * The first round warms up and is thrown away.
 * @module */
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { median } from './sampling.mjs'

export const RUNS = 5

/** One side of a comparison. `run` gets an empty directory and answers how long the measured part took.
 * @typedef {{ label: string, version: string, durability: string, batch: number | string, inFlight: number | string,
 *   events: number, run: (directory: string) => Promise<Sample> }} Side
 * @typedef {{ ms: number, sizeBytes?: number }} Sample
 * @typedef {Omit<Side, 'run'> & { ms: number[], medianMs: number, perSecond: number, sizeBytes?: number }} Line
 * @typedef {{ what: string, value: number, pairwise?: number, unit: string, held?: string, met?: boolean }} Figure
 * @typedef {{ title: string, rows: string[][] }} Table a first row of heads, then the cells
 * @typedef {{ name: string, title: string, lines: Line[], tables?: Table[], figures: Figure[],
 *   notes: string[] }} Row */

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

/** Run all sides in turn: one warm-up round, then `runs` measured ones. Progress goes to standard error.
 * @param {Side[]} sides @param {{ runs?: number }} [options] @returns {Promise<Line[]>} */
export async function alternate(sides, { runs = RUNS } = {}) {
  /** @type {Sample[][]} */
  const samples = sides.map(() => [])
  for (let round = 0; round <= runs; round++) {
    for (const [index, side] of sides.entries()) {
      process.stderr.write(`  ${round === 0 ? 'warm-up' : `run ${round}/${runs}`}: ${side.label} ... `)
      const sample = await inFreshDirectory(side.run)
      process.stderr.write(`${sample.ms.toFixed(1)} ms\n`)
      if (round > 0) samples[index]?.push(sample)
    }
  }
  return sides.map(({ run: _run, ...side }, index) => {
    const ms = (samples[index] ?? []).map((sample) => sample.ms)
    const sizes = (samples[index] ?? []).flatMap((sample) => sample.sizeBytes ?? [])
    const medianMs = median(ms)
    return { ...side, ms, medianMs, perSecond: (side.events / medianMs) * 1_000, sizeBytes: sizes.at(-1) }
  })
}

/** @template T @param {(directory: string) => Promise<T>} work @returns {Promise<T>} */
export async function inFreshDirectory(work) {
  const directory = mkdtempSync(path.join(benchRoot(), 'varve-bench-'))
  try {
    // Young garbage only: a full collection would shrink the young generation, which no program in use has.
    collectGarbage({ type: 'minor' })
    return await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
    settle(benchRoot())
  }
}

/** Let the file system finish what the removal began, or the next side pays for it in its syncs.
 * @param {string} root */
function settle(root) {
  const file = openSync(root, 'r')
  fsyncSync(file)
  closeSync(file)
}

/** Call `call(0)` to `call(calls - 1)` in order, keeping `width` of them pending.
 * @param {{ calls: number, width: number }} options @param {(index: number) => Promise<unknown>} call */
export async function inFlight({ calls, width }, call) {
  let next = 0
  const worker = async () => {
    while (next < calls) await call(next++)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

/** How many times faster per event `fast` is than `slow`, from the medians and from the median of the rounds.
 * @param {Line} fast @param {Line} slow */
export function speedup(fast, slow) {
  const perEvent = (/** @type {Line} */ line, /** @type {number} */ ms) => ms / line.events
  return {
    value: perEvent(slow, slow.medianMs) / perEvent(fast, fast.medianMs),
    pairwise: median(fast.ms.map((ms, round) => perEvent(slow, slow.ms[round] ?? Number.NaN) / perEvent(fast, ms))),
  }
}

/** @param {string} what @param {{ value: number, pairwise: number }} ratio @param {number} least @returns {Figure} */
export function atLeast(what, ratio, least) {
  return { what, ...ratio, held: `>= ${least}x`, met: ratio.value >= least, unit: 'x' }
}

/** @param {string} what @param {number} value @param {{ most: number, unit: string }} limit @returns {Figure} */
export function atMost(what, value, { most, unit }) {
  return { what, value, held: `<= ${most} ${unit}`, met: value <= most, unit }
}

/** A number given on the command line as `--NAME=NUMBER`, or the usual one. What was made smaller is no measurement.
 * @param {string} option @param {number} usual */
export function given(option, usual) {
  return givenList(option, [usual])[0] ?? usual
}

/** Numbers given on the command line as `--NAME=NUMBER,NUMBER`, or the usual ones.
 * @param {string} option @param {readonly number[]} usual */
export function givenList(option, usual) {
  const text = process.argv.find((argument) => argument.startsWith(`--${option}=`))
  return text === undefined
    ? usual
    : text
        .slice(text.indexOf('=') + 1)
        .split(',')
        .map(Number)
}

/** Bytes of all files below a directory. @param {string} directory @returns {number} */
export function directorySize(directory) {
  let total = 0
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) total += statSync(path.join(entry.parentPath ?? entry.path, entry.name)).size
  }
  return total
}

const FILE_SYSTEMS = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x794c7630, 'overlay'],
  [0x2fc12fc1, 'zfs'],
  [0x6969, 'nfs'],
])
const IN_MEMORY = new Set([0x01021994, 0x858458f6])
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** The first place for temporary files that is on a disk. */
function benchRoot() {
  return [os.tmpdir(), os.homedir(), REPOSITORY].find((place) => !IN_MEMORY.has(statfsSync(place).type)) ?? os.tmpdir()
}

/** What the figures were measured on. */
export function environment() {
  const root = benchRoot()
  const type = statfsSync(root).type
  return {
    node: process.version,
    cpu: `${os.cpus()[0]?.model.trim() ?? 'unknown'} x ${os.cpus().length}`,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    fileSystem: FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`,
    directory: root,
    syncMs: syncCost(root),
    loadAverage: os.loadavg()[0] ?? 0,
  }
}

/** Median time of an appended 4 KiB write with fdatasync. @param {string} root */
function syncCost(root) {
  const directory = mkdtempSync(path.join(root, 'varve-bench-'))
  const file = openSync(path.join(directory, 'probe'), 'wx')
  const block = Buffer.alloc(4_096, 1)
  const costs = []
  for (let count = 0; count < 50; count++) {
    const start = performance.now()
    writeSync(file, block)
    fdatasyncSync(file)
    costs.push(performance.now() - start)
  }
  closeSync(file)
  rmSync(directory, { recursive: true, force: true })
  return median(costs)
}
