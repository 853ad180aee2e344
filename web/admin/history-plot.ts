/** Sizes of versions side by side, as a picture: what each takes, and what a copy of it would take.
 *
 * Heights are logarithmic, because a whole copy may be ten thousand times as large as a change. A bar is a link to its
 * version; the picture has a text of its own for who does not see it, and the list of versions says all of it.
 * @module */
import { html } from 'hono/html'
import type { VersionInfo } from '../../src/index.ts'
import type { Html } from './layout.ts'
import { counted, formatBytes, formatTime } from './words.ts'

const WIDTH = 1_000
const HEIGHT = 160
/** Room above the bars, for pins. */
const TOP = 14
const BAR_MAX = 50
/** Heights begin here, so that the smallest change is seen. */
const SMALLEST_BYTES = 8

export interface PlotOptions {
  /** The version that is shown, and the one it is compared with. */
  readonly selected: number
  readonly base: number | undefined
  readonly addressOf: (version: number) => string
}

/** A picture of some versions, ascending. */
export function plotOf(versions: readonly VersionInfo[], options: PlotOptions): Html {
  const [first, last] = [versions[0], versions.at(-1)]
  if (first === undefined || last === undefined) return html``
  const largest = versions.reduce((most, { sizeBytes, rawBytes }) => Math.max(most, sizeBytes, rawBytes), 0)
  const heightOf = (bytes: number) => {
    const share = Math.log2(Math.max(bytes, SMALLEST_BYTES) / (SMALLEST_BYTES / 2))
    return (share / Math.log2(Math.max(largest, SMALLEST_BYTES * 2) / (SMALLEST_BYTES / 2))) * (HEIGHT - TOP)
  }
  const step = Math.min(WIDTH / versions.length, BAR_MAX)
  const words = `Stored sizes of versions ${first.version} to ${last.version}, logarithmic; the largest copy would take ${formatBytes(largest)}`
  return html`<figure class="plot" hx-ignore>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${words}">
${versions.map((version, at) => bar(version, { ...options, x: at * step, width: step, heightOf }))}
<path class="copies" d="${copiesLine(versions, { step, heightOf })}"/>
</svg>
<figcaption class="faint">Versions ${first.version} to ${last.version}.
<span class="swatch change"></span>change <span class="swatch whole"></span>whole copy
<span class="swatch line"></span>a copy would take; the tallest is ${formatBytes(largest)}, heights are logarithmic.
</figcaption>
</figure>`
}

interface Bar extends PlotOptions {
  readonly x: number
  readonly width: number
  readonly heightOf: (bytes: number) => number
}

function bar(info: VersionInfo, { x, width, heightOf, selected, base, addressOf }: Bar): Html {
  const { version, sizeBytes, rawBytes, isDelta, pinned, label } = info
  const height = heightOf(sizeBytes)
  const place = version === selected ? 'selected' : version === base ? 'base' : ''
  const kind = isDelta ? 'change' : 'whole'
  const gap = width > 4 ? 1 : 0
  return html`<a class="version ${place}" href="${addressOf(version)}" data-version="${version}" tabindex="-1">
<title>Version ${version}${label !== undefined && html` “${label}”`}, ${formatTime(info.at)}, ${kind} of
${counted(sizeBytes, 'byte')}; a copy: ${formatBytes(rawBytes)}</title>
<rect class="back" x="${round(x)}" y="0" width="${round(width)}" height="${HEIGHT}"/>
<rect class="${kind}" x="${round(x)}" y="${round(HEIGHT - height)}" width="${round(width - gap)}"
height="${round(height)}"/>
${pinned && html`<rect class="pin" x="${round(x)}" y="2" width="${round(width - gap)}" height="8"/>`}</a>
`
}

function copiesLine(
  versions: readonly VersionInfo[],
  { step, heightOf }: { step: number; heightOf: (bytes: number) => number },
): string {
  return versions
    .map(({ rawBytes }, at) => {
      const y = round(HEIGHT - heightOf(rawBytes))
      return `${at === 0 ? 'M' : 'L'}${round(at * step)} ${y}H${round((at + 1) * step)}`
    })
    .join('')
}

function round(length: number): number {
  return Math.round(length * 10) / 10
}
