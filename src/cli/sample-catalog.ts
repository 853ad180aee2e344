/** The document of the sample: what its shop sells. The words of the command line's help for `doc` work on it.
 * @module */
import { fromHex } from '../codec/bytes.ts'
import { type Dice, pick } from './dice.ts'

/** Name of the document, and of the entity whose event names it. */
export const CATALOG = 'catalog'
export const GOODS = ['lamp', 'chair', 'desk', 'kettle', 'mug', 'rug', 'clock', 'shelf']
export const PEOPLE = ['ada', 'brit', 'chen', 'dara', 'emil', 'fay']

const PRODUCTS = 2_000
const LOOKS = ['plain', 'round', 'folding', 'small', 'tall', 'heavy', 'bright', 'quiet']
const MATERIALS = ['oak', 'steel', 'wool', 'clay', 'glass', 'cork']
const COLOURS = { white: 'f4f1ea', black: '1d1d1f', red: 'b3261e', green: '2f6b3a', blue: '2b4a8b', sand: 'd8c3a5' }
const OPINIONS = ['As described', 'Smaller than I thought', 'Would buy it again', 'Came late, works well', 'A gift']
const DAY_MS = 86_400_000

/** Everything the shop sells. @param now milliseconds since 1970: when it was published. */
export function sampleCatalog(roll: Dice, now: number): unknown {
  const products = Array.from({ length: PRODUCTS }, (_, n) => product(n + 1, roll, now))
  return {
    name: 'A made-up shop',
    currency: 'EUR',
    publishedAt: new Date(now),
    goods: Object.fromEntries(GOODS.map((good) => [good, products.filter((one) => one.good === good).length])),
    products,
  }
}

function product(number: number, roll: Dice, now: number) {
  const sku = `sku-${String(number).padStart(4, '0')}`
  const good = pick(GOODS, roll)
  const price = (500 + roll(25_000)) / 100
  const colours = Object.keys(COLOURS).filter(() => roll(3) === 0)
  return {
    sku,
    name: `${pick(LOOKS, roll)} ${pick(MATERIALS, roll)} ${good}`,
    good,
    price,
    since: new Date(now - roll(1_500) * DAY_MS),
    stock: { here: roll(60), 'far away': roll(400) },
    sizes: { widthMm: 80 + roll(900), heightMm: 60 + roll(1_900), weightGrams: 120 + roll(20_000) },
    variants: colours.map((colour) => ({ sku: `${sku}-${colour}`, colour, extra: roll(500) / 100 })),
    reviews: Array.from({ length: roll(4) }, () => ({
      by: pick(PEOPLE, roll),
      stars: 1 + roll(5),
      text: pick(OPINIONS, roll),
    })),
    image: { type: 'image/gif', data: image(pick(Object.values(COLOURS), roll)) },
  }
}

/** A picture of one pixel. @param colour six hexadecimal digits. */
function image(colour: string): Uint8Array {
  return fromHex(`47494638396101000100800000${colour}0000002c00000000010001000002024401003b`)
}
