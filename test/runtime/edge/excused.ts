/** Cases that workers and pages do not run.
 * @module */

const LONG = 'a second or more, of work that is the same everywhere'
const INSECURE = 'pages without a secure origin have no crypto.subtle'

/** Titles, and why. */
export const EXCUSED: Readonly<Record<string, string>> = {
  'openStore() twice in one process names the line of the first': 'lines are those of the bundle',
  'Topic.append() weighs names as well as values': LONG,
  'Topic.append() takes 16 MiB in one call and no more': LONG,
  'Topic.append() refuses more than 64 MiB in the queue, and takes more later': LONG,
  'Topic.append() loses nothing, whichever call of the roll fails, and goes on unless a sync failed': LONG,
  'HashesBeside.take() leaves small batches to the caller': INSECURE,
  'HashesBeside.finish() says where the first batch lies that is not in its place': INSECURE,
  'HashesBeside.finish() throws what a check threw': INSECURE,
  'finds every flipped bit of the highest manifest, or reads the state before its last frame': LONG,
}

export function isExcused(name: string): boolean {
  return Object.keys(EXCUSED).some((title) => name.endsWith(` > ${title}`))
}
