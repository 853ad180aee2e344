/** Checking the segments of a store without a readable manifest, each by what its own header says, so that whoever
 * has to bring the store back knows what is readable.
 * @module */
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { isSegmentFamily } from '../segment/names.ts'
import { segmentRef } from '../segment/segment.ts'
import type { VerifyRun } from './verify-run.ts'
import { checkSegment } from './verify-segment.ts'

const LISTABLE = /^[A-Za-z0-9._-]+$/

/** Check every segment file in the directories of topics. */
export async function checkLooseSegments(run: VerifyRun): Promise<void> {
  const found: { directory: string; file: string }[] = []
  for (const topic of await directoriesIn(run, 'topics')) {
    for (const directory of await directoriesIn(run, topic)) {
      for (const { name, kind } of await run.storage.list(directory)) {
        if (kind === 'file' && isSegmentFamily(name) && name.endsWith('.log')) found.push({ directory, file: name })
      }
    }
  }
  for (const { directory, file } of found)
    run.plan(`${directory}/${file}`, (await run.sizeOf(`${directory}/${file}`)) ?? 0)
  for (const { directory, file } of found)
    await run.about(`${directory}/${file}`, () => checkLoose(run, directory, file))
  run.leaveOut(
    'Which segments count, where they end and whether they follow each other: no manifest can be read, so each was checked by itself, leftovers too, and nothing that was derived from them.',
  )
}

async function directoriesIn(run: VerifyRun, directory: string): Promise<string[]> {
  run.checkGoingOn()
  const entries = await run.storage.list(directory)
  return entries
    .filter((entry) => entry.kind === 'directory' && LISTABLE.test(entry.name))
    .map((entry) => `${directory}/${entry.name}`)
}

async function checkLoose(run: VerifyRun, directory: string, file: string): Promise<void> {
  const path = `${directory}/${file}`
  run.begin(path, (await run.sizeOf(path)) ?? 0)
  const bytes = await run.read({ path, position: 0, length: SEGMENT_HEADER_BYTES })
  const header = decodeSegmentHeader(bytes, path, run.digest)
  const { partition, lineage } = header
  await checkSegment(run, {
    ref: segmentRef(directory, { ...header, file }, { partition, digest: run.digest }),
    lineage,
    seal: undefined,
    endPosition: SEGMENT_HEADER_BYTES,
    own: undefined,
    marks: [],
    checkpoint: undefined,
    head: undefined,
    sums: undefined,
    isKept: async () => true,
  })
}
