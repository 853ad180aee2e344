/** A small made-up sample: the orders of a shop, a projection of them, its catalog as a document, a board, the history
 * of a drawing, and a snapshot of it all. The same at every load but for the times, which end now.
 * @module */
import { documentRef } from '../document/reference.ts'
import type { Store } from '../store/types.ts'
import type { NewEvent } from '../topic/types.ts'
import { type Dice, dice, pick } from './dice.ts'
import { counts } from './projection-folds.ts'
import { CATALOG, GOODS, PEOPLE, sampleCatalog } from './sample-catalog.ts'
import { DRAWING, loadDrawing } from './sample-drawing.ts'

/** Name of the projection: `varve projection run order-counts --fold counts` goes on with it. */
export const SAMPLE_PROJECTION = 'order-counts'
/** And of the topic it folds. */
export const SAMPLE_ORDERS = 'sample-orders'

/** Where the sample is, for people. */
export const SAMPLE_PLACES = `${SAMPLE_ORDERS} and sample-board, the document ${CATALOG}, the history ${DRAWING}, the projection ${SAMPLE_PROJECTION}, and a snapshot`

const EVENTS_PER_TOPIC = 200
const BATCH_EVENTS = 50
const STEP_MS = 7 * 60_000
const SEED = 4713
const COLUMNS = ['todo', 'doing', 'review', 'done']
const TASKS = ['Write the import', 'Fix the login', 'Draw the icons', 'Measure start-up', 'Call the printer']
const REMARKS = ['Looks good', 'Please add a test', 'Why now?', 'Done on my side', 'Waiting for the printer']

/** Load the document, both topics, and as the last order event one that names the document; then what is made of them.
 * @param now milliseconds since 1970: when the last event happened.
 * @returns the number of events. @throws {VarveError} as `documents.write`, `topic.append`, `history.append` and
 * `snapshots.create`. */
export async function loadSample(store: Store, now: number): Promise<number> {
  const { version } = await store.documents.write(CATALOG, sampleCatalog(dice(SEED), now))
  const published = { kind: 'CatalogPublished', entity: CATALOG, data: documentRef(CATALOG, version) }
  let loaded = 0
  for (const [name, make, last] of [
    [SAMPLE_ORDERS, orders, [published]],
    ['sample-board', board, []],
  ] as const) {
    const topic = await store.topics.open(name, { create: true })
    const made = makeEvents(make, EVENTS_PER_TOPIC - last.length)
    const events = [...made, ...last].map((event, n) => ({ ...event, at: now - (EVENTS_PER_TOPIC - 1 - n) * STEP_MS }))
    for (let from = 0; from < events.length; from += BATCH_EVENTS) {
      await topic.append(events.slice(from, from + BATCH_EVENTS))
    }
    loaded += events.length
  }
  await loadDrawing(store.histories, dice(SEED), now)
  const create = { topic: SAMPLE_ORDERS, keep: 'history', everyEvents: BATCH_EVENTS } as const
  await (await store.projections.open(SAMPLE_PROJECTION, { fold: counts, create })).run()
  await store.snapshots.create({ label: 'the sample as it was' })
  return loaded
}

type Life = Generator<NewEvent, void, undefined>

/** Events of many lives in turns, as they would arrive. */
function makeEvents(begin: (number: number, roll: Dice) => Life, count: number): NewEvent[] {
  const roll = dice(SEED)
  const lives: Life[] = []
  const events: NewEvent[] = []
  for (let born = 0; events.length < count; ) {
    if (lives.length < 3 || (lives.length < 8 && roll(3) === 0)) lives.push(begin(++born, roll))
    const turn = roll(lives.length)
    const step = lives[turn]?.next()
    if (step === undefined || step.done) lives.splice(turn, 1)
    else events.push(step.value)
  }
  return events
}

/** The life of one order: each event names the one that caused it. */
function* orders(number: number, roll: Dice): Life {
  const entity = `order-${number}`
  const customer = `customer-${1 + roll(12)}`
  let step = 0
  const next = (kind: string, data: unknown, meta?: unknown): NewEvent => {
    const cause = step === 0 ? {} : { causationId: `${entity}-${step}` }
    const id = `${entity}-${++step}`
    return { kind, entity, scope: customer, id, correlationId: entity, ...cause, data, ...(meta ? { meta } : {}) }
  }
  const items = Array.from({ length: 1 + roll(3) }, () => ({ name: pick(GOODS, roll), count: 1 + roll(3) }))
  const total = items.reduce((sum, item) => sum + item.count * (5 + item.name.length * 3), 0)
  const source = { channel: pick(['web', 'app', 'phone'], roll) }
  yield { ...next('OrderPlaced', { customer, items, total }, source), tags: total > 100 ? ['large'] : [] }
  if (roll(8) === 0) {
    yield next('OrderCancelled', { reason: pick(['changed mind', 'too slow', 'found cheaper'], roll) })
    return
  }
  if (roll(6) === 0) yield next('PaymentFailed', { method: 'card', code: 'declined' })
  yield next('OrderPaid', { method: pick(['card', 'transfer', 'invoice'], roll), total })
  yield next('OrderPacked', { by: pick(PEOPLE, roll), parcels: 1 + roll(2) })
  yield next('OrderShipped', { carrier: pick(['north', 'swift'], roll), weightGrams: 300 + roll(9_000) })
  if (roll(10) === 0) yield next('OrderReturned', { items: items.slice(0, 1), refund: Math.round(total / 2) })
  else yield next('OrderDelivered', { signedBy: pick(PEOPLE, roll) })
}

/** The life of one card on a board. */
function* board(number: number, roll: Dice): Life {
  const entity = `card-${number}`
  const scope = `board-${1 + (number % 2)}`
  const session = `session-${1 + roll(30)}`
  const event = (kind: string, data: unknown): NewEvent => ({
    kind,
    entity,
    scope,
    correlationId: session,
    data,
    meta: { user: pick(PEOPLE, roll) },
  })
  yield event('CardCreated', { title: `${pick(TASKS, roll)} (${number})`, column: 'todo' })
  yield event('CardAssigned', { to: pick(PEOPLE, roll) })
  for (let column = 1; column < COLUMNS.length; column++) {
    yield event('CardMoved', { from: COLUMNS[column - 1], to: COLUMNS[column], position: roll(5) })
    if (roll(2) === 0) yield event('CommentAdded', { text: pick(REMARKS, roll) })
    if (roll(6) === 0) yield event('CardRenamed', { title: `${pick(TASKS, roll)} again (${number})` })
  }
  yield event('CardArchived', { column: 'done' })
}
