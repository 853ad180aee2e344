/** Conditions: an append that depends on a query over the last 1,000 events, against a plain one.
 *
 * The two take turns, one call at a time, so that each pair meets the same log and the same device.
 * @module */
import { atMost, given, inFreshDirectory } from '../harness.mjs'
import { batchesOf, orderEvents } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { median } from '../sampling.mjs'
import { openVarve } from '../varve.mjs'

export const name = 'condition'
const EVENTS = 200_000
const CALLS = 1_000
const WARM_UP = 300
/** How far back `after` lies. */
const BACK = [1_000, 100_000]
const HELD_BACK = 1_000
/** Every event has two tags and a kind, and none has the kind together with both of these tags. */
const QUERY = { kinds: ['OrderPaid', 'OrderReturned'], tags: ['shop-1', 'shelf-1'] }

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const count = given('events', EVENTS)
    const events = orderEvents({ count: count + (CALLS + WARM_UP) * 8 }).map(tagged)
    const { store, topic } = await openVarve(directory)
    for (const batch of batchesOf(events.splice(0, count), 1_000)) await topic.append(/** @type {any} */ (batch))
    /** @type {import('../harness.mjs').Line[]} */
    const lines = []
    const figures = []
    for (const durability of ['synced', 'buffered']) {
      for (const back of BACK) {
        const pairs = await measurePairs(topic, { events, durability, back })
        lines.push(line('plain append', { durability, ms: pairs.plain }))
        lines.push(
          line(`condition, after ${back.toLocaleString('en')} events back`, { durability, ms: pairs.conditional }),
        )
        const what = `condition ${back.toLocaleString('en')} events back over a plain append, ${durability}`
        const extra = median(pairs.conditional) - median(pairs.plain)
        const pairwise = median(pairs.conditional.map((ms, index) => ms - (pairs.plain[index] ?? Number.NaN)))
        const figure =
          back === HELD_BACK ? atMost(what, extra, { most: 0.2, unit: 'ms' }) : { what, value: extra, unit: 'ms' }
        figures.push({ ...figure, pairwise })
      }
    }
    await store.close()
    return { name, title: 'append with a condition over a query', lines, figures, notes: notes(count) }
  })
}

/** Two tags that depend on the kind: many events have one of the query's, none of its kinds has both.
 * @param {import('../payload.mjs').OrderEvent} event @param {number} index */
function tagged(event, index) {
  const isAsked = QUERY.kinds.includes(event.kind)
  const shop = index % 4
  const shelf = isAsked && shop === 1 ? 2 : index % 3
  return { ...event, tags: [`shop-${shop}`, `shelf-${shelf}`] }
}

/** @param {any} topic @param {{ events: unknown[], durability: string, back: number }} options */
async function measurePairs(topic, { events, durability, back }) {
  /** @type {number[]} */
  const plain = []
  /** @type {number[]} */
  const conditional = []
  for (let call = 0; call < CALLS + WARM_UP; call++) {
    const [one, other] = events.splice(0, 2)
    const plainStart = performance.now()
    const { endOffset } = await topic.append(one, { durability })
    const plainMs = performance.now() - plainStart
    const condition = { query: QUERY, after: Math.max(0, endOffset - back) }
    const start = performance.now()
    await topic.append(other, { durability, condition })
    const ms = performance.now() - start
    if (call < WARM_UP) continue
    plain.push(plainMs)
    conditional.push(ms)
  }
  return { plain, conditional }
}

/** @param {string} label @param {{ durability: string, ms: number[] }} measured
 * @returns {import('../harness.mjs').Line} */
function line(label, { durability, ms }) {
  const medianMs = median(ms)
  return {
    label,
    version: varveVersion,
    durability,
    batch: 1,
    inFlight: 1,
    events: 1,
    ms,
    medianMs,
    perSecond: 1_000 / medianMs,
  }
}

/** @param {number} count */
function notes(count) {
  return [
    `A log of ${count.toLocaleString('en')} events; ${CALLS} pairs of calls each, after ${WARM_UP} that are not counted. "By rounds" is the median of the pairs' differences.`,
    `The query is { kinds: [${QUERY.kinds}], tags: [${QUERY.tags}] }: half of the events have such a kind, a quarter and a third such a tag, none all of it.`,
  ]
}
