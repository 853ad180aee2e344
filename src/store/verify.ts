/** Checking a store without writing to it. @module */
import type { ManifestState, PartitionRow } from '../manifest/index.ts'
import type { LogContext } from '../topic/context.ts'
import type { VerifyOptions, VerifyReport } from './types.ts'

export interface VerifyFacts extends VerifyOptions {
  readonly ends: (topicId: number, row: PartitionRow) => Promise<{ position: number; offset: number }>
}

export async function verifyStore(
  _context: LogContext,
  _state: ManifestState,
  _facts: VerifyFacts,
): Promise<VerifyReport> {
  throw new Error('verify is being written')
}
