/** Names of the files of a partition, and nothing else.
 * @module */

/** `00000000000000000042.log`, or with `-<attempt>` when recovery has to begin at an offset whose name is taken. */
export function segmentFile(baseOffset: number, attempt = 0): string {
  const stem = baseOffset.toString().padStart(20, '0')
  return attempt === 0 ? `${stem}.log` : `${stem}-${attempt}.log`
}

/** Whether a file name has the form of a segment or of one of its indexes. */
export function isSegmentFamily(name: string): boolean {
  return /^\d{20}(-\d{1,9})?\.(log|index|timeindex)$/.test(name)
}

/** The name of a derived file beside a segment. */
export function besideSegment(file: string, extension: 'index' | 'timeindex'): string {
  return `${file.slice(0, -'.log'.length)}.${extension}`
}

export const CHECKPOINT_FILE = 'index.ckpt'
