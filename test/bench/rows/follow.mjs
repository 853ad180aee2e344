/** Following from a second process: how long after its append an event is in the hands of a follower.
 *
 * The writer appends 1,000 single events a second, synced, in segments of 1 MiB, so that it rolls on the way.
 * @module */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { atMost, given, inFreshDirectory } from '../harness.mjs'
import { JSON_BYTES } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { quantile } from '../sampling.mjs'
import { openVarve } from '../varve.mjs'

export const name = 'follow'
const EVENTS = 15_000
const PER_SECOND = 1_000
const MIB = 1_048_576
const CHILD = fileURLToPath(new URL('../follow-child.mjs', import.meta.url))

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const events = given('events', EVENTS)
    const { store } = await openVarve(directory, undefined, { create: { segmentBytes: MIB } })
    await store.close()
    const follower = start('follow', directory, String(events))
    await once(follower.stdout, 'data')
    const written = output(start('write', directory, String(events), String(PER_SECOND)))
    const followed = await output(follower)
    return report({ events, written: await written, followed })
  })
}

/** @param {...string} task */
function start(...task) {
  return spawn(process.execPath, [CHILD, ...task], { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** @param {ReturnType<typeof start>} child @returns {Promise<any>} what it printed last, as JSON */
async function output(child) {
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(`A child of the row ended with ${status}`)
  return JSON.parse(text.trim().split('\n').at(-1) ?? '')
}

/** @param {{ events: number, written: any, followed: any }} measured @returns {import('../harness.mjs').Row} */
function report({ events, written, followed }) {
  const { lags } = followed
  const line = {
    label: 'append to hand of the follower',
    version: varveVersion,
    durability: 'synced (fdatasync)',
    batch: 1,
    inFlight: 'as due',
    events: 1,
    ms: lags,
    medianMs: quantile(lags, 0.5),
    perSecond: PER_SECOND,
  }
  return {
    name,
    title: 'a read-only store in a second process follows a live writer',
    lines: [line],
    figures: [
      { what: 'lag, median', value: quantile(lags, 0.5), unit: 'ms' },
      atMost('lag, p99', quantile(lags, 0.99), { most: 100, unit: 'ms' }),
      { what: 'lag, longest', value: quantile(lags, 1), unit: 'ms' },
      atMost('gaps', followed.gaps, { most: 0, unit: 'events' }),
      atMost('repeats', followed.repeats, { most: 0, unit: 'events' }),
      atMost('events that were not seen', events - lags.length, { most: 0, unit: 'events' }),
    ],
    notes: [
      `${events} events of about ${JSON_BYTES} bytes in ${written.seconds.toFixed(1)} s, ${Math.round(events / written.seconds)} a second; ${written.segments} segments at the end.`,
      'The lag runs from just before the call of append, by the wall clock of the same machine, to the event in the loop of the follower: the sync is in it.',
    ],
  }
}
