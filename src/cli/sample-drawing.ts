/** The history of the sample: a drawing that people edited over some days. The words of the command line's help for
 * `history` work on it.
 * @module */
import type { Histories } from '../store/types.ts'
import { type Dice, pick } from './dice.ts'
import { PEOPLE } from './sample-catalog.ts'

/** Name of the history. */
export const DRAWING = 'drawing'

const DAYS = 4
const EDITS_PER_DAY = 12
const DAY_MS = 86_400_000
const EDIT_MS = 4 * 60_000
/** Versions that have names, and the one that is pinned. */
const LABELS: Readonly<Record<number, string>> = {
  3: 'first draft',
  18: 'for review',
  31: 'after review',
  48: 'shipped',
}
const PINNED = 'for review'
const TYPES = ['rectangle', 'ellipse', 'arrow', 'note']
const FILLS = ['#f4f1ea', '#b3261e', '#2f6b3a', '#2b4a8b']
const TEXTS = ['Orders', 'Payment', 'Stock', 'Parcel', 'Customer', 'Catalog', 'Returns', 'Why?']

interface Shape {
  readonly id: string
  readonly type: string
  x: number
  y: number
  readonly width: number
  readonly height: number
  fill: string
  text: string
}

/** Append every version of the drawing, the last one now, and pin one.
 * @throws {VarveError} as `History.append`. */
export async function loadDrawing(histories: Histories, roll: Dice, now: number): Promise<void> {
  const create = { keyframeInterval: 16, keyField: 'id' }
  const history = await histories.open(DRAWING, { create })
  const drawing = { title: 'How an order goes', size: { width: 1_600, height: 900 }, shapes: [] as Shape[] }
  const total = DAYS * EDITS_PER_DAY
  for (let version = 1; version <= total; version++) {
    edit(drawing.shapes, { roll, version })
    const later = total - version
    const at = now - Math.floor(later / EDITS_PER_DAY) * DAY_MS - (later % EDITS_PER_DAY) * EDIT_MS
    const label = LABELS[version]
    await history.append(drawing, {
      at,
      metadata: { by: pick(PEOPLE, roll) },
      ...(label === undefined ? {} : { label }),
    })
  }
  await history.pin({ label: PINNED })
}

/** One edit, as a person makes them: mostly a drag. */
function edit(shapes: Shape[], { roll, version }: { readonly roll: Dice; readonly version: number }): void {
  const shape = shapes[roll(Math.max(shapes.length, 1))]
  const what = version <= 6 ? 0 : roll(10)
  if (shape === undefined || what === 0) shapes.push(draw(version, roll))
  else if (what === 1 && shapes.length > 6) shapes.splice(shapes.indexOf(shape), 1)
  else if (what === 2) shape.text = pick(TEXTS, roll)
  else if (what === 3) shape.fill = pick(FILLS, roll)
  else if (what === 4) shapes.push(...shapes.splice(shapes.indexOf(shape), 1))
  else {
    shape.x = Math.max(0, shape.x + roll(240) - 120)
    shape.y = Math.max(0, shape.y + roll(160) - 80)
  }
}

function draw(version: number, roll: Dice): Shape {
  return {
    id: `shape-${version}`,
    type: pick(TYPES, roll),
    x: roll(1_400),
    y: roll(700),
    width: 80 + roll(160),
    height: 40 + roll(120),
    fill: pick(FILLS, roll),
    text: pick(TEXTS, roll),
  }
}
