/** Checking that a segment file is the one that the manifest means.
 * @module */
import { isVarveError } from '../errors.ts'
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import type { SegmentRef } from '../segment/segment.ts'
import type { VerifyRun } from './verify-run.ts'

/** Whether the batches can be those of this segment. A damaged header says nothing of them: the manifest knows all. */
export async function headerFits(run: VerifyRun, ref: SegmentRef, lineage: string): Promise<boolean> {
  const bytes = await run.read({ path: ref.path, position: 0, length: SEGMENT_HEADER_BYTES })
  try {
    const header = decodeSegmentHeader(bytes, ref.path, run.digest)
    const differs: string[] = []
    if (header.id !== ref.id) differs.push(`its id is ${header.id} instead of ${ref.id}`)
    if (header.baseOffset !== ref.baseOffset) {
      differs.push(`it begins at offset ${header.baseOffset} instead of ${ref.baseOffset}`)
    }
    if (header.hashBefore !== ref.hashBefore) differs.push('it continues another chain')
    if (header.lineage !== lineage || header.partition !== ref.partition) {
      differs.push('it belongs to another topic or partition')
    }
    if (differs.length === 0) return true
    const message = `Segment "${ref.path}" holds the header of another segment: ${differs.join(', ')}`
    run.problem({ code: 'SEGMENT_FOREIGN', file: ref.path, position: 0, message, damage: true })
    return false
  } catch (error) {
    if (!isVarveError(error)) throw error
    run.problem({ code: error.code, file: ref.path, position: 0, message: error.message, damage: true })
    return error.code === 'SEGMENT_DAMAGED'
  }
}
