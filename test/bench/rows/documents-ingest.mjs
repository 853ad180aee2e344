/** A gigabyte of JSON text into a document and back, against the parser of stream-json, which only reads it.
 *
 * `--events=N` is the size of the text in MB. Every side is a process of its own, for its memory.
 * @module */
import path from 'node:path'
import { Packr } from 'msgpackr/pack'
import { atLeast, atMost, given, inFreshDirectory, speedup } from '../harness.mjs'
import { orderAt, writeExport } from '../order-export.mjs'
import { installedVersion, varveVersion } from '../peers.mjs'
import { median } from '../sampling.mjs'
import { runDocumentsChild } from '../spawn.mjs'

export const name = 'documents-ingest'
const SIZE_MB = 1_000
const RUNS = 3
const MIB = 1_048_576
const SIDES = ['ingest', 'text', 'tokens', 'packed']

/** @typedef {{ ms: number, cpuMs: number, peakRss: number, sizeBytes?: number, indexBytes?: number }} Sample */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const file = path.join(directory, 'export.json')
    const textBytes = await writeExport(file, { sizeBytes: given('events', SIZE_MB) * 1e6 })
    const bare = median([await bareRss(), await bareRss(), await bareRss()])
    /** @type {Record<string, Sample[]>} */
    const samples = Object.fromEntries(SIDES.map((side) => [side, []]))
    for (let round = 0; round < given('runs', RUNS); round++) {
      const store = path.join(directory, `store-${round}`)
      for (const side of SIDES) {
        const sample = await runSide(side, store, file)
        samples[side]?.push(sample)
        const speed = `${(textBytes / sample.ms / 1_000).toFixed(0)} MB/s`
        process.stderr.write(`  run ${round + 1}: ${side} ${speed}, peak ${(sample.peakRss / MIB).toFixed(0)} MiB\n`)
      }
    }
    return report({ samples, textBytes, bare, msgpackBytes: msgpackSize(textBytes) })
  })
}

/** @param {string} side @param {string} store @param {string} file @returns {Promise<Sample>} */
function runSide(side, store, file) {
  if (side === 'ingest') return runDocumentsChild('ingest', store, file)
  if (side === 'text') return runDocumentsChild('text', store)
  return runDocumentsChild('tokens', file, side === 'packed' ? 'packed' : 'all')
}

async function bareRss() {
  return (await runDocumentsChild('bare')).peakRss
}

/** What the orders take as msgpack, from every hundredth of them. @param {number} textBytes */
function msgpackSize(textBytes) {
  const packr = new Packr({ useRecords: false })
  let packed = 0
  let json = 0
  for (let index = 0; json < textBytes / 100; index += 100) {
    const order = orderAt(index)
    packed += packr.pack(order).length
    json += Buffer.byteLength(JSON.stringify(order)) + 1
  }
  return (packed / json) * textBytes
}

/** @param {{ samples: Record<string, Sample[]>, textBytes: number, bare: number, msgpackBytes: number }} all
 * @returns {import('../harness.mjs').Row} */
function report({ samples, textBytes, bare, msgpackBytes }) {
  const peak = (/** @type {string} */ side) => Math.max(...(samples[side] ?? []).map((sample) => sample.peakRss))
  const cpu = (/** @type {string} */ side) => median((samples[side] ?? []).map((sample) => sample.cpuMs))
  const over = (/** @type {string} */ side) => (peak(side) - bare) / MIB
  const { sizeBytes = Number.NaN, indexBytes = 0 } = samples.ingest?.[0] ?? {}
  const lines = SIDES.map((side) => lineOf(side, samples[side] ?? [], textBytes))
  return {
    name,
    title: `${(textBytes / 1e6).toFixed(0)} MB of JSON text into a document and back`,
    lines,
    figures: [
      atLeast('ingest to the parser of stream-json', speedup(lines[0], lines[2]), 5),
      { what: 'the same by processor time', value: cpu('tokens') / cpu('ingest'), unit: 'x' },
      { what: 'ingest to it with whole values only', ...speedup(lines[0], lines[3]), unit: 'x' },
      { what: 'the same by processor time', value: cpu('packed') / cpu('ingest'), unit: 'x' },
      atMost('memory of ingest over the bare runtime', over('ingest'), { most: 128, unit: 'MiB' }),
      atMost('document to the size of msgpack', sizeBytes / msgpackBytes, { most: 1, unit: 'x' }),
      atLeast('back to JSON text, to ingest', speedup(lines[1], lines[0]), 0.7),
      atMost('memory of that over the bare runtime', over('text'), { most: 128, unit: 'MiB' }),
      ...lines.map((line) => ({
        what: `${line.label}: speed`,
        value: textBytes / line.medianMs / 1_000,
        unit: 'MB/s',
      })),
    ],
    notes: [
      `The document has ${(sizeBytes / 1e6).toFixed(0)} MB, of it index ${(indexBytes / MIB).toFixed(2)} MiB; as msgpack the ` +
        `orders take ${(msgpackBytes / 1e6).toFixed(0)} MB.`,
      `A bare process takes ${(bare / MIB).toFixed(0)} MiB; stream-json takes ${over('tokens').toFixed(0)} MiB more.`,
      'An event is a byte of JSON text here. stream-json reads the same file and drops its tokens; with whole values only ' +
        '(packValues, no streamValues) it makes fewer.',
    ],
  }
}

/** @param {string} side @param {Sample[]} samples @param {number} textBytes @returns {import('../harness.mjs').Line} */
function lineOf(side, samples, textBytes) {
  const ms = samples.map((sample) => sample.ms)
  const isPeer = side === 'tokens' || side === 'packed'
  const medianMs = median(ms)
  return {
    label: LABELS[side] ?? side,
    version: isPeer ? `stream-json ${installedVersion('stream-json')}` : varveVersion,
    durability: side === 'ingest' ? 'file and directory synced' : 'reads only',
    events: textBytes,
    batch: '-',
    inFlight: '-',
    ms,
    medianMs,
    perSecond: (textBytes / medianMs) * 1_000,
    ...(side === 'ingest' && { sizeBytes: samples[0]?.sizeBytes ?? 0 }),
  }
}

/** @type {Record<string, string>} */
const LABELS = {
  ingest: 'varve, writeJson',
  text: 'varve, json()',
  tokens: 'stream-json, parser',
  packed: 'stream-json, whole values',
}
