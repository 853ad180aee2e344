/** Parts of a text that are compared as a whole.
 * @module */

const OTHER = 0
const WORD = 1
const BLANK = 2
/** From here on most characters are words of their own. */
const IDEOGRAPHS = 0x2e80

/** Where the lines of a text end, behind their line feed. */
export function lines(text: string): number[] {
  const ends: number[] = []
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) ends.push(at + 1)
  if (text !== '' && ends.at(-1) !== text.length) ends.push(text.length)
  return ends
}

/** Where words, blanks between them and other characters end. */
export function words(text: string): number[] {
  const ends: number[] = []
  let last = OTHER
  for (let at = 0; at < text.length; at++) {
    const kind = kindOf(text.charCodeAt(at))
    if (at > 0 && (kind === OTHER ? !isSecondHalf(text, at) : kind !== last)) ends.push(at)
    last = kind
  }
  if (text !== '') ends.push(text.length)
  return ends
}

function kindOf(unit: number): number {
  if (unit < 0x80) {
    if ((unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a)) return WORD
    if ((unit >= 0x30 && unit <= 0x39) || unit === 0x5f) return WORD
    return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) ? BLANK : OTHER
  }
  return unit < IDEOGRAPHS ? WORD : OTHER
}

function isSecondHalf(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800
}
