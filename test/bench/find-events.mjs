/** The events that are looked for: small ones with every term an index may hold, made as they are needed.
 *
 * Every entity has 20 of them, at places that a seeded shuffle of the whole log gave it. Every fourth event has an id
 * of its own, and those make chains of 8 by causation, each step an eighth of the log apart. Half of the events are
 * in correlations of 10, a quarter has tags.
 * @module */
import { coprimeStep, NOTES, seeded } from './payload.mjs'

export const EVENTS_PER_ENTITY = 20
export const CHAIN = 8
const CORRELATED = 10
const ID_EVERY = 4
const SCOPES = 20
const TAGS = 100
/** Makes an event about 145 bytes in a segment, so that 10 million are 1.4 GB. */
const NOTE_CHARACTERS = 100
const KINDS = ['Opened', 'Renamed', 'Moved', 'Assigned', 'Commented', 'Labelled', 'Closed', 'Archived']

/** @typedef {{ kind: string, entity: string, scope: string, at: number, data: Record<string, string | number>,
 *   tags?: string[], id?: string, causationId?: string, correlationId?: string }} FindEvent */

/** A maker of the events `[from, to)` of a log of `count`, which must be called in order.
 * @param {number} count a multiple of 320 @returns {(from: number, to: number) => FindEvent[]} */
export function findEvents(count) {
  const entities = shuffledEntities(count)
  const random = seeded(7)
  const ids = count / ID_EVERY
  const groups = count / 2 / CORRELATED
  const step = coprimeStep(groups)
  const make = (/** @type {number} */ index) => {
    const drawn = Math.floor(random() * 2 ** 32)
    /** @type {FindEvent} */
    const event = {
      kind: KINDS[drawn % KINDS.length] ?? '',
      entity: entityName(entities[index] ?? 0),
      scope: `scope-${(drawn >>> 3) % SCOPES}`,
      at: 1_760_000_000_000 + index * 10,
      data: {
        title: `Card ${drawn % 100_000}`,
        column: (drawn >>> 8) % 12,
        points: (drawn >>> 12) % 40,
        note: NOTES.slice(drawn % 200, (drawn % 200) + NOTE_CHARACTERS),
      },
    }
    if (index % ID_EVERY === 0) {
      const number = index / ID_EVERY
      event.id = idName(number)
      if (number >= ids / CHAIN) event.causationId = idName(number - ids / CHAIN)
    }
    if (index % 2 === 1) event.correlationId = `correlation-${(((index - 1) / 2) * step) % groups}`
    if (index % 4 === 2) event.tags = [`tag-${(drawn >>> 16) % TAGS}`, 'marked']
    return event
  }
  return (from, to) => Array.from({ length: to - from }, (_, at) => make(from + at))
}

/** @param {number} count @returns {Uint32Array} the number of the entity of each event */
function shuffledEntities(count) {
  const entities = new Uint32Array(count)
  const total = count / EVENTS_PER_ENTITY
  for (let index = 0; index < count; index++) entities[index] = index % total
  const random = seeded(5)
  for (let index = count - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1))
    const swapped = entities[index] ?? 0
    entities[index] = entities[other] ?? 0
    entities[other] = swapped
  }
  return entities
}

/** @param {number} number */
function entityName(number) {
  return `card-${number}`
}

/** @param {number} number */
function idName(number) {
  return `event-${number}`
}

/** Things to look for in a log of `count` events, another one each time. @param {number} count @param {number} seed */
export function findTargets(count, seed) {
  const random = seeded(seed)
  const below = (/** @type {number} */ limit) => Math.floor(random() * limit)
  const perStep = count / ID_EVERY / CHAIN
  return {
    entity: () => entityName(below(count / EVENTS_PER_ENTITY)),
    absentEntity: () => `nobody-${below(1e9)}`,
    kind: () => KINDS[below(KINDS.length)] ?? '',
    scope: () => `scope-${below(SCOPES)}`,
    correlationId: () => `correlation-${below(count / 2 / CORRELATED)}`,
    id: () => idName(below(count / ID_EVERY)),
    /** The id of the last event of a chain, and of the first. */
    lastId: () => idName(perStep * (CHAIN - 1) + below(perStep)),
    firstId: () => idName(below(perStep)),
    offset: () => below(count),
    /** An offset with enough behind it for a page of 1,000 of a scope. */
    startOffset: () => below(count / 2),
  }
}
