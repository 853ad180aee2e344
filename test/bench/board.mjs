/** A board of shapes as drawing programs store it, and people at work on it: from a seed, the same on every machine.
 *
 * It takes 800 KB as JSON and a twelfth of that as brotli: most of it are names of fields, and values that repeat.
 * @module */
import { NOTES, seeded } from './payload.mjs'

const SHAPES = 1_500
const JSON_BYTES = 800_000
/** Of a new shape. */
const TEXT_LENGTH = 80
const TYPES = ['geo', 'note', 'arrow', 'text', 'draw']
const COLORS = ['black', 'grey', 'violet', 'blue', 'light-blue', 'yellow', 'orange', 'green', 'red']
const FILLS = ['none', 'semi', 'solid', 'pattern']
const DASHES = ['draw', 'solid', 'dashed', 'dotted']
const SIZES = ['s', 'm', 'l', 'xl']
const WORDS = NOTES.match(/[a-z]+/gi) ?? []

/** How often people do what, of 100 edits. */
const EDITS = /** @type {const} */ ([
  ['drag', 55],
  ['write', 20],
  ['restyle', 10],
  ['insert', 10],
  ['remove', 5],
])

const GESTURES = EDITS.flatMap(([what, share]) => new Array(share).fill(what))

/** @typedef {{ id: string, type: string, x: number, y: number, meta: { editedAt: number, by: string },
 *   props: { color: string, fill: string, dash: string, text: string, points?: { x: number, y: number }[] } }} Shape
 * @typedef {{ name: string, page: object, shapes: Shape[] | Record<string, Shape> }} Board */

/** How the shapes lie in the board: one after the other, or as fields that are named by their ids. */
export const FORMS = /** @type {const} */ (['array', 'by id'])

export class BoardAuthor {
  /** @type {Board} */
  board
  /** @type {() => number} */
  #random
  #made = 0
  #now = 1_760_000_000_000

  /** @param {(typeof FORMS)[number]} form @param {number} [seed] */
  constructor(form, seed = 5) {
    this.#random = seeded(seed)
    const shapes = Array.from({ length: SHAPES }, () => this.#shape())
    this.board = {
      name: 'Roadmap',
      page: { id: 'page:main', grid: 8, background: 'white', camera: { x: 0, y: 0, z: 1 } },
      shapes: form === 'array' ? shapes : Object.fromEntries(shapes.map((shape) => [shape.id, shape])),
    }
    const missing = JSON_BYTES - JSON.stringify(this.board).length
    for (const shape of shapes) shape.props.text += this.#note(Math.floor(missing / SHAPES))
  }

  /** Change the board in place, as one gesture of one person does. @returns {string} what was done */
  edit() {
    this.#now += 1_000 + Math.floor(this.#random() * 20_000)
    const what = /** @type {(typeof EDITS)[number][0]} */ (this.#pick(GESTURES))
    if (what === 'insert') this.#insert(this.#note(TEXT_LENGTH))
    else if (what === 'remove') this.#remove()
    else this.#change(what)
    return what
  }

  /** A path to something that is in the board. @returns {string} */
  path() {
    const { shapes } = this.board
    const at = Math.floor(this.#random() * Object.keys(shapes).length)
    return Array.isArray(shapes) ? `shapes[${at}].props.text` : `shapes."${Object.keys(shapes)[at]}".props.text`
  }

  /** @param {'drag' | 'write' | 'restyle'} what */
  #change(what) {
    const shapes = Object.values(this.board.shapes)
    // Most gestures move one shape, some a selection of neighbours.
    const several = what === 'write' || this.#random() < 0.7 ? 1 : 2 + Math.floor(this.#random() * 3)
    const first = Math.floor(this.#random() * (shapes.length - several))
    const [dx, dy] = [this.#length(400) - 200, this.#length(400) - 200]
    const color = this.#pick(COLORS)
    for (const shape of shapes.slice(first, first + several)) {
      if (what === 'drag') Object.assign(shape, { x: rounded(shape.x + dx), y: rounded(shape.y + dy) })
      else if (what === 'restyle') shape.props.color = color
      else shape.props.text = this.#rewritten(shape.props.text)
      shape.meta.editedAt = this.#now
    }
  }

  /** @param {string} text */
  #rewritten(text) {
    const at = Math.floor(this.#random() * text.length)
    const words = this.#words(1 + Math.floor(this.#random() * 3))
    return text.slice(0, at) + words + text.slice(at + Math.floor(this.#random() * 6))
  }

  /** On top of all others, or in one of four cases anywhere. @param {string} text */
  #insert(text) {
    const { shapes } = this.board
    const shape = this.#shape()
    shape.props.text = text
    if (!Array.isArray(shapes)) shapes[shape.id] = shape
    else shapes.splice(this.#random() < 0.25 ? Math.floor(this.#random() * shapes.length) : shapes.length, 0, shape)
  }

  #remove() {
    const { shapes } = this.board
    const at = Math.floor(this.#random() * Object.keys(shapes).length)
    if (Array.isArray(shapes)) shapes.splice(at, 1)
    else delete shapes[Object.keys(shapes)[at] ?? '']
  }

  /** @returns {Shape} */
  #shape() {
    const type = this.#pick(TYPES)
    const isLine = type === 'arrow' || type === 'draw'
    return {
      id: `shape:${this.#id()}`,
      type,
      ...{ x: this.#length(8_000), y: this.#length(6_000), rotation: 0, index: `a${(this.#made++).toString(36)}` },
      ...{ parentId: 'page:main', isLocked: false, opacity: 1 },
      props: {
        ...{ w: this.#length(400), h: this.#length(300), color: this.#pick(COLORS), labelColor: 'black' },
        ...{ fill: this.#pick(FILLS), dash: this.#pick(DASHES), size: this.#pick(SIZES), font: 'draw' },
        ...{ align: 'middle', verticalAlign: 'middle', growY: 0, url: '', scale: 1, text: '' },
        ...(isLine && { points: Array.from({ length: 4 }, () => ({ x: this.#length(200), y: this.#length(200) })) }),
      },
      meta: { editedAt: this.#now, by: `user:${Math.floor(this.#random() * 5)}` },
    }
  }

  /** What people wrote, which resembles what they wrote before. @param {number} length */
  #note(length) {
    const start = Math.floor(this.#random() * (NOTES.length - length))
    return NOTES.slice(start, start + length)
  }

  /** @param {number} count */
  #words(count) {
    return Array.from({ length: count }, () => this.#pick(WORDS)).join(' ')
  }

  #id() {
    return Array.from({ length: 10 }, () => Math.floor(this.#random() * 36).toString(36)).join('')
  }

  /** @param {number} most */
  #length(most) {
    return rounded(this.#random() * most)
  }

  /** @template T @param {readonly T[]} from @returns {T} */
  #pick(from) {
    return /** @type {T} */ (from[Math.floor(this.#random() * from.length)])
  }
}

/** Pointers move in quarters of a pixel. @param {number} length */
function rounded(length) {
  return Math.round(length * 4) / 4
}
