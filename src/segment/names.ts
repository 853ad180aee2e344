/** Names of the files of a partition, and nothing else.
 * @module */

/** `00000000000000000042.log`, or with `-<attempt>` when recovery has to begin at an offset whose name is taken. */
export function segmentFile(baseOffset: number, attempt = 0): string {
  const stem = baseOffset.toString().padStart(20, '0')
  return attempt === 0 ? `${stem}.log` : `${stem}-${attempt}.log`
}

/** Whether a file name has the form of a segment or of one of its indexes. */
export function isSegmentFamily(name: string): boolean {
  return /^\d{20}(-\d{1,9})?\.(log|index|timeindex|terms)$/.test(name)
}

/** The name of a derived file beside a segment. */
export function besideSegment(file: string, extension: 'index' | 'timeindex' | 'terms'): string {
  return `${file.slice(0, -'.log'.length)}.${extension}`
}

export const CHECKPOINT_FILE = 'index.ckpt'

/** `versions-<log start offset>`, or with `-<attempt>` when that name is taken: the versions of pruned entities. */
export function versionsFile(logStartOffset: number, attempt = 0): string {
  const stem = `versions-${logStartOffset.toString().padStart(20, '0')}`
  return attempt === 0 ? stem : `${stem}-${attempt}`
}

/** Whether a file name has the form of a file with versions of pruned entities. */
export function isVersionsFile(name: string): boolean {
  return /^versions-\d{20}(-\d{1,9})?$/.test(name)
}

/** The first offset of the segment that a file belongs to by its name, of one that has the form of `isSegmentFamily`.
 * */
export function baseOffsetOf(name: string): number {
  return Number(name.slice(0, 20))
}

/** What the name of a merged term run says; undefined for every other name. */
export function mergedRun(name: string): { readonly level: number; readonly sequence: number } | undefined {
  const found = /^terms-(\d{1,2})-(\d{20})$/.exec(name)
  return found === null ? undefined : { level: Number(found[1]), sequence: Number(found[2]) }
}

/** Whether a file name has the form of any file that the store makes in the directory of a partition. */
export function isPartitionFile(name: string): boolean {
  return name === CHECKPOINT_FILE || isSegmentFamily(name) || isVersionsFile(name) || mergedRun(name) !== undefined
}
