/** What each snapshot shares, as a picture: a bar for each, with what the store needs anyway, what only other snapshots
 * need, and what is its own. All bars have one scale, and the numbers stand beside them.
 * @module */
import { html } from 'hono/html'
import type { SnapshotInfo, SnapshotUsage } from '../../src/index.ts'
import type { Html } from './layout.ts'
import { formatBytes, formatCount } from './words.ts'

const WIDTH = 1_000
const HEIGHT = 20
/** A part that is there is seen. */
const SMALLEST = 4
const PLOT_SNAPSHOTS = 100

export interface SharingOptions {
  /** For their labels. */
  readonly infos: readonly SnapshotInfo[]
  readonly addressOf: (id: string) => string
}

/** The newest snapshots, the newest first. */
export function sharingOf(usages: readonly SnapshotUsage[], { infos, addressOf }: SharingOptions): Html {
  if (usages.length === 0) return html`<p class="panel empty">No snapshots.</p>`
  const shown = usages.slice(0, PLOT_SNAPSHOTS)
  const largest = shown.reduce((most, { totalSizeBytes }) => Math.max(most, totalSizeBytes), 1)
  const labels = new Map(infos.map(({ id, label }) => [id, label]))
  const left = usages.length - shown.length
  return html`<figure class="sharing" hx-ignore>
<div class="scroll"><table id="usage">
<thead><tr><th scope="col">Snapshot</th><td></td><th scope="col" class="number size">Shared with the store</th>
<th scope="col" class="number size">With other snapshots</th><th scope="col" class="number">Its own</th></tr></thead>
<tbody>${shown.map(
    (usage) => html`<tr><th scope="row"><a href="${addressOf(usage.id)}">${usage.id}</a>
${labels.get(usage.id) !== undefined && html`<span class="label">${labels.get(usage.id)}</span>`}</th>
<td class="bar">${bar(usage, largest)}</td>
<td class="number size">${formatBytes(usage.sharedWithStoreBytes)}</td>
<td class="number size">${formatBytes(usage.sharedWithSnapshotsBytes)}</td>
<td class="number">${formatBytes(usage.ownBytes)}</td></tr>`,
  )}</tbody></table></div>
<figcaption class="faint"><span class="swatch store"></span>the store needs these files too
<span class="swatch others"></span>only other snapshots do <span class="swatch own"></span>its own: freed when it goes
alone. The longest bar is ${formatBytes(largest)}.${left > 0 && ` ${formatCount(left)} older ones are not shown.`}
</figcaption>
</figure>`
}

function bar({ sharedWithStoreBytes, sharedWithSnapshotsBytes, ownBytes }: SnapshotUsage, largest: number): Html {
  const parts = [
    { kind: 'store', words: 'shared with the store', bytes: sharedWithStoreBytes },
    { kind: 'others', words: 'shared with other snapshots', bytes: sharedWithSnapshotsBytes },
    { kind: 'own', words: 'its own', bytes: ownBytes },
  ].filter(({ bytes }) => bytes > 0)
  // The same for every bar, so that all have one scale.
  const room = WIDTH - SMALLEST * 3
  let x = 0
  const drawn = parts.map(({ kind, words, bytes }) => {
    const width = SMALLEST + (bytes / largest) * room
    const part = html`<rect class="${kind}" x="${round(x)}" y="0" width="${round(width)}" height="${HEIGHT}">
<title>${formatBytes(bytes)} ${words}</title></rect>`
    x += width
    return part
  })
  const words = parts.map(({ words, bytes }) => `${formatBytes(bytes)} ${words}`).join(', ') || 'no files'
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${words}">
${drawn}</svg>`
}

function round(length: number): number {
  return Math.round(length * 10) / 10
}
